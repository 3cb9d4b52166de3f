"""What is measured."""

from __future__ import annotations

from bench.bed import Case

from . import backlog, batch, inbound, life, posting, waiting

#: All of it, in the order of the tables.
CASES: tuple[Case, ...] = (
    *posting.CASES,
    *inbound.CASES,
    *waiting.CASES,
    *backlog.CASES,
    *batch.CASES,
    *life.CASES,
)
