"""Results of checks, as text for the operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

OK, WARNING, FAILED = "ok", "warning", "FAILED"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """
    The result of one check.

    @ivar state: L{OK}, L{WARNING} or L{FAILED}.
    @ivar subject: The checked part.
    @ivar words: The finding, and what to change, if anything.
    """

    state: str
    subject: str
    words: str

    def __str__(self) -> str:
        """Return the result as one line."""
        words = " ".join(self.words.split()).rstrip(".")
        return f"{self.state:<8} {self.subject}: {words}."


def ok(subject: str, words: str) -> CheckResult:
    """Return a result without a problem."""
    return CheckResult(OK, subject, words)


def warning(subject: str, words: str) -> CheckResult:
    """Return a result for a gateway that works with a drawback."""
    return CheckResult(WARNING, subject, words)


def failed(subject: str, words: str) -> CheckResult:
    """Return a result for a gateway that does not work."""
    return CheckResult(FAILED, subject, words)


def exitStatus(findings: Sequence[CheckResult]) -> int:
    """Return the exit status of the doctor."""
    return int(any(each.state == FAILED for each in findings))


def summary(findings: Sequence[CheckResult]) -> str:
    """Return one sentence that sums up all results."""
    faults = sum(each.state == FAILED for each in findings)
    doubts = sum(each.state == WARNING for each in findings)
    if faults == 1:
        return "1 check has failed: do what its line says, and run the doctor again."
    if faults:
        return (
            f"{faults} checks have failed. Start with the first, which may be the cause"
            " of the others, and run the doctor again."
        )
    if doubts:
        return f"The gateway works, but look at the {_counted(doubts)}."
    return "All checks have passed."


def _counted(count: int) -> str:
    return "warning" if count == 1 else f"{count} warnings"
