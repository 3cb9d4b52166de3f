The console shows bots and their contacts, with buttons to approve and to cancel them.
