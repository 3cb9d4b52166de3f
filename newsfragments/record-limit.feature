``record-limit`` limits the records of sent and delivered messages in number: beyond a million the oldest are deleted before ``record-days``.
