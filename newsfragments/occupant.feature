The JSON of a room has the key ``occupant``, the full address from which the bot is in the room; the console's *Join again* keeps it.
