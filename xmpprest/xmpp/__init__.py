"""One component stream: connect, pair replies, answer what needs no bot."""
