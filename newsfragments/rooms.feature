``PUT /rest/rooms/{room}`` keeps a bot in a group chat: the gateway joins again after every restart and delivers what the bot has missed.
