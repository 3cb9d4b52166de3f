What is POSTed to the callback is signed as Standard Webhooks say, with ``--callback-signing-secret-file``; ``docs/how-to/webhook-signatures.rst`` shows how to verify it.
