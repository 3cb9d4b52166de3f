"""
Settings: their values, and the command line, environment and files they are read from.
"""
