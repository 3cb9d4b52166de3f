"""
How hard Hypothesis tries: briefly and always the same way, so that nothing is flaky;
or, with C{XMPPREST_HYPOTHESIS=ci} in the environment, long and at random. With
C{servers} it does so only with what is made for real servers.
"""

from __future__ import annotations

import os

from hypothesis import settings

_ASKED = os.environ.get("XMPPREST_HYPOTHESIS")
_CI = _ASKED == "ci"

#: For the tests that deserve it: C{@settings(max_examples=THOROUGH)}.
THOROUGH = 3_000 if _CI else 100
#: The same on real servers.
FUZZ = 3_000 if _ASKED in ("ci", "servers") else 100

settings.register_profile("quick", max_examples=50, deadline=None, derandomize=True)
settings.register_profile("ci", max_examples=500, deadline=None, print_blob=True)
settings.load_profile("ci" if _CI else "quick")
