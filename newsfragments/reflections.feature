Messages that a room sends back to their author are not POSTed, so a bot in a room no longer answers itself; a JSON callback with ``reflections = true`` receives them with ``"reflection": true``.
