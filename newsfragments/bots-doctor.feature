The doctor names stored bots that cannot be online because the domain of the gateway was changed.
