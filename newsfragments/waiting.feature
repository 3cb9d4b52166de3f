A query that waits for its reply takes 7.4 KB, its connection included; it was 11.
