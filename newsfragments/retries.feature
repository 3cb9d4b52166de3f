A callback that gives no answer, or 429 or 503 with ``Retry-After``, is asked again, for up to seven days; what was given up is at ``/rest/inbox``, and can be delivered again.
