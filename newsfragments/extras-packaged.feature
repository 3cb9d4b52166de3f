The Debian package and the container image have the extras cbor, files and hooks.
