A 202 for a client that prefers JSON has the body ``{"id","state"}``; with ``Prefer: wait`` the state that was reached.
