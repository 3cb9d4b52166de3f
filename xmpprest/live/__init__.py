"""Events for watchers: the source of /rest/events."""
