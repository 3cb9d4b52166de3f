SIGHUP has the configuration read again, with its secrets and certificates: what can change does so at once, without disturbing any request; a file with a fault changes nothing.
