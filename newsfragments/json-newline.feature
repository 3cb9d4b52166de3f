JSON responses and errors end with a line break, so that a terminal shows its prompt on a
line of its own.
