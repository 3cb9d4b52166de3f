Stanzas are read and written as JSON, CBOR (with the extra ``cbor``) and forms, too, on both sides of the gateway; ``Accept`` with its weights chooses what comes back.
