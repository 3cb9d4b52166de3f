Browsers of the origins given with ``--cors-origin`` may use the gateway.
