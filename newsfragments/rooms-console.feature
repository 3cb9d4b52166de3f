The console shows the rooms of bots, with buttons to join again and to leave.
