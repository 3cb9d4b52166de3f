Two bots no longer answer each other forever: a sender gets at most 30 automatic replies in 10 seconds (``reply-limit``) and 600 in an hour.
