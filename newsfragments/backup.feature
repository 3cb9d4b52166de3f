``python -m xmpprest backup STORE FILE`` copies the store while the gateway runs.
