"""Describes the role of an instance to operators and clients."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.cluster.role import STREAM, Role
from ..core.media.values import Value
from ..core.stanza.annotate import timestamp
from .member import ClusterMember


class MemberStatus:
    """
    The role of an instance, in words.
    """

    def __init__(self, member: ClusterMember) -> None:
        self._member = member

    @property
    def isActive(self) -> bool:
        """Whether the instance is the active one."""
        return self._member.isActive

    @property
    def role(self) -> str:
        """The name of the role."""
        return self._member.role.value

    @property
    def reason(self) -> str:
        """Why the instance is not active: a sentence without a full stop."""
        member = self._member
        if member.trouble:
            return (
                "This instance is not active, because it cannot ask the database for"
                f" the lease ({member.trouble})"
            )
        if member.role is Role.JOINING:
            return "This instance has just started, and joins the others"
        if member.role is Role.RETIRING:
            return "This instance was the active one, and has lost the lease just now"
        if member.lease is None:
            return "This instance is on standby, and no instance is active at present"
        return f"This instance is on standby; the active one is {member.lease.holder}"

    @property
    def report(self) -> Mapping[str, Value]:
        """The role and the lease, for C{/readyz}."""
        member, lease = self._member, self._member.lease
        return {
            "role": self.role,
            "since": timestamp(member.since),
            "epoch": member.epoch,
            "lease": STREAM,
            "holder": None if lease is None else lease.holder,
            "reason": None if member.isActive else self.reason,
        }
