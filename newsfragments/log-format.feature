``--log-format json`` writes the log as one JSON object a line, with ``twist`` and with ``twistd``; ``--log-requests yes`` gives each request and each try to deliver a line with its id.
