"""Makes what tokens may do of what the configuration says of them."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from ..config import Config
from ..core.access import Grant
from ..core.addresses import Addresses
from ..core.auth import Grants, allMayDo
from ..core.bucket import Bucket
from ..tokens import Token


def makeGrants(
    config: Config, now: Callable[[], float], earlier: Grants = ()
) -> Grants:
    """
    What each token may do, and that the credentials may do everything.

    @param now: Tells the time, in seconds.
    @param earlier: What they might do until now: a token whose rate is the same has
        spent what it has spent.
    """
    before = {grant.name: grant.bucket for _, grant in earlier}
    grants = allMayDo(config.credentials)
    for token in config.tokens:
        bucket = _bucket(token, now, before.get(token.name))
        grant = _grant(token, config.domain, bucket)
        grants += tuple((bytes.fromhex(each), grant) for each in token.sha256)
    return grants


def _grant(token: Token, domain: str, bucket: Bucket | None) -> Grant:
    senders = Addresses(*token.from_)
    only = token.from_[0] if len(token.from_) == 1 and "*" not in token.from_[0] else ""
    return Grant(
        name=token.name,
        kinds=token.kinds,
        senders=senders,
        recipients=Addresses(*token.to),
        sender="" if domain in senders else only,
        bucket=bucket,
        rights=token.may,
    )


def _bucket(
    token: Token, now: Callable[[], float], before: Bucket | None
) -> Bucket | None:
    """How often a token may send; by default, a second's worth of it at once."""
    if token.rate is None:
        return None
    burst = ceil(token.rate) if token.burst is None else token.burst
    if before is not None and (before.rate, before.burst) == (token.rate, burst):
        return before
    return Bucket(token.rate, burst, now)
