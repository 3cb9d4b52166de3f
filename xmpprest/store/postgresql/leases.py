"""SQL of instances and leases."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ...core.cluster.values import ClusterView, Instance, Lease
from .connection import Statement
from .migrations import MIGRATIONS
from .operation import Operation, bind, read, rows, text

#: Fails (a division by zero) if the instance was taken for dead.
_ALIVE = b"SELECT 1 / count(*) FROM instance WHERE epoch = $1::bigint"
#: Fails if the instance does not hold a lease. Another one cannot take the lease until
#: the transaction has ended, and then sees its effect.
_HELD = (
    b"SELECT 1 / count(*) FROM (SELECT FROM lease WHERE name = $2"
    b" AND epoch = $1::bigint FOR SHARE) AS held"
)

_UNTIL = b"clock_timestamp() + make_interval(secs => $2::float8)"


def guard(epoch: int, lease: str | None) -> Statement:
    """
    Return the last statement of a transaction, which fails if the instance may not
    commit it: a gateway that was frozen does no harm when it wakes up.

    @param lease: The lease that the instance needs; C{None} if it needs none.
    """
    if lease is None:
        return bind(_ALIVE, epoch)
    return bind(_HELD, epoch, lease)


def register(url: str, version: str, ttl: float) -> Operation[int]:
    """Implement L{LeaseStore.register}."""
    return Operation(
        [
            # Leases without an instance are free.
            bind(b"DELETE FROM instance WHERE until < clock_timestamp()"),
            bind(
                b"DELETE FROM lease WHERE until < clock_timestamp() AND NOT EXISTS"
                b" (SELECT FROM instance WHERE instance.epoch = lease.epoch)"
            ),
            bind(
                b"INSERT INTO instance (url, until, version, schema) VALUES ($1, "
                + _UNTIL
                + b", $3, $4::integer) RETURNING epoch",
                url,
                ttl,
                version,
                len(MIGRATIONS),
            ),
        ],
        lambda results: int(rows(results[2], [int])[0][0]),
    )


_BEAT = (
    b"WITH me AS (UPDATE instance SET until = " + _UNTIL + b" WHERE epoch = $1::bigint"
    b" RETURNING *), mine AS (UPDATE lease SET until = me.until FROM me"
    b" WHERE lease.epoch = me.epoch RETURNING lease.*)"
    b" SELECT 'i', epoch, url, version, extract(epoch FROM until) FROM me"
    b" UNION ALL SELECT 'i', epoch, url, version, extract(epoch FROM until)"
    b" FROM instance WHERE epoch <> $1::bigint AND until > clock_timestamp()"
    b" UNION ALL SELECT 'l', epoch, name, holder, extract(epoch FROM until) FROM mine"
    b" UNION ALL SELECT 'l', epoch, name, holder, extract(epoch FROM until) FROM lease"
    b" WHERE epoch <> $1::bigint AND until > clock_timestamp()"
    b" UNION ALL SELECT 'n', 0, '', '', extract(epoch FROM clock_timestamp())"
)


def beat(epoch: int, ttl: float) -> Operation[ClusterView]:
    """Implement L{LeaseStore.beat}."""

    def make(found: Sequence[Sequence[object]]) -> ClusterView:
        instances: list[Instance] = []
        leases: list[Lease] = []
        now = 0.0
        for kind, number, first, second, at in found:
            assert isinstance(number, int) and isinstance(at, float)
            if kind == "i":
                instances.append(Instance(number, str(first), str(second), at))
            elif kind == "l":
                leases.append(Lease(str(first), str(second), number, at))
            else:
                now = at
        instances.sort(key=lambda each: each.epoch)
        leases.sort(key=lambda each: each.name)
        return ClusterView(now, instances, leases)

    return read(_BEAT, [epoch, ttl], [text, int, text, text, float], make)


def take(names: Sequence[str], epoch: int, ttl: float) -> Operation[Sequence[str]]:
    """Implement L{LeaseStore.takeLeases}."""
    return read(
        b"INSERT INTO lease (name, holder, epoch, until)"
        b" SELECT name, url, epoch, " + _UNTIL + b" FROM instance,"
        b" json_array_elements_text($3::json) AS given(name)"
        b" WHERE epoch = $1::bigint ORDER BY name"
        b" ON CONFLICT (name) DO UPDATE SET holder = excluded.holder,"
        b" epoch = excluded.epoch, until = excluded.until"
        b" WHERE lease.until < clock_timestamp() OR lease.epoch = excluded.epoch"
        b" RETURNING name",
        [epoch, ttl, json.dumps([*names])],
        [text],
        lambda found: [name for (name,) in found],
    )


def release(names: Sequence[str], epoch: int) -> Operation[None]:
    """Implement L{LeaseStore.releaseLeases}."""
    return Operation(
        [
            bind(
                b"DELETE FROM lease WHERE epoch = $1::bigint"
                b" AND name IN (SELECT json_array_elements_text($2::json))",
                epoch,
                json.dumps([*names]),
            )
        ],
        lambda results: None,
    )


def resign(epoch: int) -> Operation[None]:
    """Implement L{LeaseStore.resign}."""
    return Operation(
        [
            bind(b"DELETE FROM lease WHERE epoch = $1::bigint", epoch),
            bind(b"DELETE FROM instance WHERE epoch = $1::bigint", epoch),
        ],
        lambda results: None,
    )


def holder(name: str) -> Operation[Lease | None]:
    """
    Return who holds a lease, and in C{until} the seconds that it is still valid;
    C{None} if it is free.
    """
    return read(
        b"SELECT name, holder, epoch, extract(epoch FROM until - clock_timestamp())"
        b" FROM lease WHERE name = $1 AND until > clock_timestamp()",
        [name],
        [text, text, int, float],
        lambda found: next((Lease(*row) for row in found), None),
    )
