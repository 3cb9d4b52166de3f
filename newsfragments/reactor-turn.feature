The metric ``xmpprest_reactor_turn_max_seconds`` tells the longest turn of the reactor since the last scrape; it measures every turn.
