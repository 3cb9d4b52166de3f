The web console and ``GET /rest/hooks`` list the hooks with their last messages, and show what a payload becomes (right ``hooks``).
