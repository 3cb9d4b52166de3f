"""Makes the grants of tokens and credentials from the configuration."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from ..config.config import Config
from ..config.tokens import TokenConfig
from ..core.policy.authentication import Grants, grantAll
from ..core.policy.permissions import Grant
from ..core.policy.rate_limit import RateLimiter
from ..core.stanza.jid_pattern import JIDPatterns


def makeGrants(
    config: Config, now: Callable[[], float], earlier: Grants = ()
) -> Grants:
    """
    Make the grants: each token has its own, a credential grants full access.

    @param now: Returns seconds, for the rate limits.
    @param earlier: The grants before a reload: a token whose rate is unchanged keeps
        its rate limiter, with what it has used.
    """
    before = {grant.name: grant.rateLimiter for _, grant in earlier}
    grants = grantAll(config.credentials)
    for token in config.tokens:
        bucket = _bucket(token, now, before.get(token.name))
        grant = _grant(token, config.domain, bucket)
        grants += tuple((bytes.fromhex(each), grant) for each in token.sha256)
    return grants


def _grant(token: TokenConfig, domain: str, bucket: RateLimiter | None) -> Grant:
    senders = JIDPatterns(*token.from_)
    only = token.from_[0] if len(token.from_) == 1 and "*" not in token.from_[0] else ""
    return Grant(
        name=token.name,
        kinds=token.kinds,
        senders=senders,
        recipients=JIDPatterns(*token.to),
        defaultSender="" if domain in senders else only,
        rateLimiter=bucket,
        permissions=token.may,
        callbacks=frozenset(token.callbacks),
    )


def _bucket(
    token: TokenConfig, now: Callable[[], float], before: RateLimiter | None
) -> RateLimiter | None:
    """Make the rate limiter of a token; the burst is one second's worth by default."""
    if token.rate is None:
        return None
    burst = ceil(token.rate) if token.burst is None else token.burst
    if before is not None and (before.rate, before.burst) == (token.rate, burst):
        return before
    return RateLimiter(token.rate, burst, now)
