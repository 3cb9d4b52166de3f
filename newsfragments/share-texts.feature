When a share of a limit is used up, the response or the log names the sender, domain or token and the setting to raise.
