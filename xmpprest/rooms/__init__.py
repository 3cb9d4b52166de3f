"""Keeps bots in rooms; L{service} is the entrance, C{core/rooms} decides."""
