"""The JSON form of stanzas: a table of fields and the code that applies it."""
