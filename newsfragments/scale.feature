Alerts tell of bots that cannot enter their rooms or were removed from one, and of
contacts that flood a bot; the doctor asks a running gateway for rooms that wait for long.
