"""Takes files from clients and uploads them; nothing of a file stays."""
