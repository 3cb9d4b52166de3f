The doctor names bots that were removed from a room, have not entered it, or are at another domain.
