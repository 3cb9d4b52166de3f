The demo speaks JSON, and its peer, at ``localhost``, can be asked and written to from the page at ``/rest/docs``.
