An integer as ``id`` is accepted, and the type in a path counts before that in the body of
a message or a presence, as with ``mod_rest``.
