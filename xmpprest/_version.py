"""The version, alone in its file so that setup.py can read it without importing."""

__version__ = "0.1.0"
