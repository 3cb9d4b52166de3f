"""
Settings: their values, and the flags, variables and files that they are read from.
"""
