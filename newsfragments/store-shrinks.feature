The file of the store gets shorter after a backlog, in small steps; a file of an earlier version is rewritten for this at the start, unless it is large.
