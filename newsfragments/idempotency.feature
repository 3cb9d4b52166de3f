A POST with an ``Idempotency-Key`` may be repeated until there is an answer; it is carried out once.
