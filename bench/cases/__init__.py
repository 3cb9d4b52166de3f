"""The benchmark cases."""

from __future__ import annotations

from bench.testbed import Case

from . import batch, full_store, inbound, post, startup_and_soak, waiting_iqs

#: All cases, in the order of the tables.
CASES: tuple[Case, ...] = (
    *post.CASES,
    *inbound.CASES,
    *waiting_iqs.CASES,
    *full_store.CASES,
    *batch.CASES,
    *startup_and_soak.CASES,
)
