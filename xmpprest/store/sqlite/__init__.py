"""A store in an SQLite file."""

from .store import SQLiteStore as SQLiteStore
