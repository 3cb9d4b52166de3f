``POST /rest`` sends a message, presence or iq, as XML or plain text; an iq waits for its reply.
