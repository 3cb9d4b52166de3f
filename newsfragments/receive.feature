Stanzas that come in are posted to ``--callback-url``, and what the callback answers is the reply, a receipt, or a stanza error.
