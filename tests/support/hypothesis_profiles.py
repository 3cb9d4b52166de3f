"""
Numbers of examples that Hypothesis tries, by the environment's C{XMPPREST_HYPOTHESIS}.

C{quick} is the default, for a developer who waits. C{.ci/run} uses the others:
C{normal}, C{servers}, which is C{normal} with many examples on real servers, and C{ci},
which tries many examples at random. All but C{ci} always try the same examples, so that
no test is flaky.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from hypothesis import settings


class Profile(NamedTuple):
    """
    Numbers of examples.

    @ivar usual: For a test that does not say otherwise.
    @ivar thorough: For tests with C{@settings(max_examples=THOROUGH)}.
    @ivar fuzz: For tests on real servers.
    """

    usual: int
    thorough: int
    fuzz: int


_PROFILES = {
    "quick": Profile(20, 40, 100),
    "normal": Profile(50, 100, 100),
    "servers": Profile(50, 100, 1_000),
    "ci": Profile(200, 1_000, 1_000),
}
_NAME = os.environ.get("XMPPREST_HYPOTHESIS") or "quick"
_USUAL, THOROUGH, FUZZ = _PROFILES[_NAME]

settings.register_profile(
    _NAME,
    max_examples=_USUAL,
    deadline=None,
    derandomize=_NAME != "ci",
    print_blob=_NAME == "ci",
)
settings.load_profile(_NAME)
