"""A store in PostgreSQL. Importing it needs psycopg, the extra C{postgresql}."""

from .store import PostgreSQLStore as PostgreSQLStore
