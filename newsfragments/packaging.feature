``packaging`` has a unit for systemd with watchdog and sandbox, a Debian package (``packaging/deb``), a container file and a compose file with Prosody.
