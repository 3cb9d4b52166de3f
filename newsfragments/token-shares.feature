A token can no longer occupy all waiting requests or all streams of live events: it gets 503 when it would hold more than is still free. Credentials are exempt.
