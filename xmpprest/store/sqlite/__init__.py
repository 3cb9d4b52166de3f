"""A store in a file, by SQLite: nothing to install, nothing to run."""

from .store import SQLiteStore as SQLiteStore
