The console shows the waiting stanzas if there are no dead letters, lists queued messages, drops them, and finds a message by the address of its status.
