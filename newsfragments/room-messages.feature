Messages to the room of a bot wait until the bot is there, are confirmed when the room sends them back, and show the room's ``stanza_id`` in their status.
