"""Tests for L{xmpprest.core.cluster.role}."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.cluster.role import MARGIN, STREAM, TTL, Role, RoleMachine
from xmpprest.core.cluster.values import ClusterView, Instance, Lease


def view(*epochs: int, holder: int | None) -> ClusterView:
    """Return what the database answers to a beat."""
    instances = [Instance(each, f"i{each}", "1", 9.0) for each in epochs]
    leases = [] if holder is None else [Lease(STREAM, f"i{holder}", holder, 9.0)]
    return ClusterView(0.0, instances, leases)


class RoleTests(SynchronousTestCase):
    """
    The role of one instance.
    """

    def setUp(self) -> None:
        self.machine = RoleMachine()

    def activate(self, at: float = 0.0) -> None:
        """Make the instance active with the epoch 7."""
        self.machine.registered(7)
        self.machine.won(7, at, at)

    def test_registered(self) -> None:
        """A registered instance is on standby."""
        self.assertIs(self.machine.role, Role.JOINING)
        self.machine.registered(7)
        self.assertEqual((self.machine.role, self.machine.epoch), (Role.STANDBY, 7))

    def test_won(self) -> None:
        """With the lease it is active, until a second before the lease ends."""
        self.activate(100.0)
        self.assertIs(self.machine.role, Role.ACTIVE)
        self.assertTrue(self.machine.isValid(100.0 + TTL - MARGIN - 0.01))
        self.assertFalse(self.machine.isValid(100.0 + TTL - MARGIN))

    def test_wonLate(self) -> None:
        """A lease whose report came too late is given back."""
        self.machine.registered(7)
        self.machine.won(7, 0.0, TTL)
        self.assertIs(self.machine.role, Role.RETIRING)

    def test_renewed(self) -> None:
        """Each beat prolongs the lease, from the time at which it was asked for."""
        self.activate()
        self.machine.renewed(7, view(7, 8, holder=7), 1.0, 3.0)
        self.assertEqual(self.machine.validUntil, 1.0 + TTL - MARGIN)

    def test_lost(self) -> None:
        """The lease is lost if another instance has it, or this one is unknown."""
        for found in (
            view(7, 8, holder=8),
            view(7, 8, holder=None),
            view(8, holder=7),
        ):
            self.machine = RoleMachine()
            self.activate()
            self.machine.renewed(7, found, 1.0, 1.0)
            self.assertIs(self.machine.role, Role.RETIRING)
            self.assertFalse(self.machine.isValid(1.0))
            self.assertIn("another instance", self.machine.reason)

    def test_expired(self) -> None:
        """Without a beat in time the lease is lost, before the database ends it."""
        self.activate()
        self.machine.expire(TTL - MARGIN - 0.01)
        self.assertIs(self.machine.role, Role.ACTIVE)
        self.machine.expire(TTL - MARGIN)
        self.assertIs(self.machine.role, Role.RETIRING)

    def test_frozen(self) -> None:
        """An answer that has waited while the process was frozen renews nothing."""
        self.activate()
        self.machine.renewed(7, view(7, holder=7), 1.0, 11.0)
        self.assertIs(self.machine.role, Role.RETIRING)

    def test_fenced(self) -> None:
        """The lease is lost once the database refuses to commit with it."""
        self.activate()
        self.machine.fenced()
        self.assertIs(self.machine.role, Role.RETIRING)

    def test_again(self) -> None:
        """After all parts have stopped, the instance registers with a new epoch."""
        self.activate()
        self.machine.fenced()
        self.machine.registered(8)
        self.assertIs(self.machine.role, Role.RETIRING)
        self.machine.retired()
        self.machine.registered(8)
        self.assertEqual((self.machine.role, self.machine.epoch), (Role.STANDBY, 8))

    def test_forgotten(self) -> None:
        """On standby, an instance that was taken for dead registers again."""
        self.machine.registered(7)
        self.machine.renewed(7, view(8, holder=8), 1.0, 1.0)
        self.assertEqual((self.machine.role, self.machine.epoch), (Role.JOINING, 0))

    def test_earlierEpoch(self) -> None:
        """Reports about an earlier epoch change nothing."""
        self.activate()
        self.machine.fenced()
        self.machine.retired()
        self.machine.registered(8)
        self.machine.won(7, 0.0, 0.0)
        self.machine.renewed(7, view(7, holder=7), 0.0, 0.0)
        self.assertIs(self.machine.role, Role.STANDBY)


@dataclass
class Member:
    """
    An instance of the model.

    @ivar asked: Requests on their way to the database.
    @ivar answered: Responses on their way back: events of the machine.
    """

    machine: RoleMachine = field(default_factory=RoleMachine)
    isFrozen: bool = False
    asked: list[tuple[str, int, float]] = field(default_factory=list)
    answered: list[tuple[str, int, float, object]] = field(default_factory=list)


MEMBERS = st.integers(0, 2)


class ClusterMachine(RuleBasedStateMachine):
    """
    Three instances and a database, with requests and responses that are late, and
    processes that are frozen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.members = [Member() for _ in range(3)]
        self.epochs = 0
        self.alive: dict[int, float] = {}
        self.lease = (0, -1.0)

    @rule(seconds=st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0, 6.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass; the timers of processes that are not frozen go off."""
        self.now += seconds
        for each in self.members:
            if not each.isFrozen:
                each.machine.expire(self.now)

    @rule(number=MEMBERS)
    def ask(self, number: int) -> None:
        """Send what the instance has to ask next."""
        member = self.members[number]
        role, epoch = member.machine.role, member.machine.epoch
        if member.isFrozen or member.asked or member.answered:
            return
        if role is Role.JOINING:
            member.asked.append(("register", 0, self.now))
        elif role in (Role.STANDBY, Role.ACTIVE):
            member.asked.append(("beat", epoch, self.now))
            if role is Role.STANDBY:
                member.asked.append(("take", epoch, self.now))

    @rule(number=MEMBERS)
    def answer(self, number: int) -> None:
        """Let the database handle a request."""
        member = self.members[number]
        if member.asked:
            kind, epoch, at = member.asked.pop(0)
            result = getattr(self, f"_{kind}")(epoch)
            member.answered.append((kind, epoch, at, result))

    def _register(self, epoch: int) -> int:
        self.alive = {e: until for e, until in self.alive.items() if until >= self.now}
        self.epochs += 1
        self.alive[self.epochs] = self.now + TTL
        return self.epochs

    def _beat(self, epoch: int) -> ClusterView:
        if epoch in self.alive:
            self.alive[epoch] = self.now + TTL
            if self.lease[0] == epoch:
                self.lease = (epoch, self.now + TTL)
        living = [e for e, until in self.alive.items() if until > self.now]
        holder, until = self.lease
        return view(*living, holder=holder if until > self.now else None)

    def _take(self, epoch: int) -> bool:
        holder, until = self.lease
        if epoch in self.alive and (until < self.now or holder == epoch):
            self.lease = (epoch, self.now + TTL)
            return True
        return False

    @rule(number=MEMBERS)
    def hear(self, number: int) -> None:
        """Let an instance that is not frozen handle a response."""
        member = self.members[number]
        if member.isFrozen or not member.answered:
            return
        kind, epoch, at, result = member.answered.pop(0)
        if kind == "register":
            assert isinstance(result, int)
            member.machine.registered(result)
        elif kind == "beat":
            assert isinstance(result, ClusterView)
            member.machine.renewed(epoch, result, at, self.now)
        elif result:
            member.machine.won(epoch, at, self.now)

    @rule(number=MEMBERS)
    def freeze(self, number: int) -> None:
        """Freeze a process, or let it go on."""
        member = self.members[number]
        member.isFrozen = not member.isFrozen

    @rule(number=MEMBERS)
    def retire(self, number: int) -> None:
        """Let the parts of an instance stop that has lost the lease."""
        member = self.members[number]
        if not member.isFrozen and member.machine.role is Role.RETIRING:
            if self.lease[0] == member.machine.epoch:
                self.lease = (0, -1.0)
            self.alive.pop(member.machine.epoch, None)
            member.machine.retired()

    @invariant()
    def oneActive(self) -> None:
        """At most one instance may write, and the database holds its lease."""
        valid = [each for each in self.members if each.machine.isValid(self.now)]
        assert len(valid) <= 1, valid
        for each in valid:
            epoch, until = self.lease
            assert (epoch, until >= self.now + MARGIN) == (each.machine.epoch, True)


ClusterMachine.TestCase.__doc__ = """
    Orders of beats, delays, freezes and losses.
    """
TestCluster = ClusterMachine.TestCase
