Every setting is a flag, an environment variable and a key in a TOML file; ``--check-config`` and ``--print-config`` tell what comes of it.
