The live events tell when a bot enters a room, returns to it or is removed.
