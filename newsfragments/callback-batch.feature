``--callback-batch N``: up to N stanzas of different conversations are posted to the callback by one request, as lines of JSON, and each is answered on its own line.
