"""
How the process runs: starting and stopping in order, reload, systemd, log formats.
"""
