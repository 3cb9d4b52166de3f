"""Makes the store, the outbox, and the endpoint of the XMPP server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.endpoints import clientFromString

from ..config.config import Config
from ..config.database_url import conninfo, isDatabase
from ..core.live import Live, LiveSettings
from ..outbox.direct import DirectOutbox
from ..outbox.outbox import Outbox
from ..outbox.room_messages import RoomGates
from ..store.interface import Store
from ..store.memory import MemoryStore
from ..store.sqlite import SQLiteStore
from ..store.upkeep import StoreUpkeep
from ..web.idempotency.guard import interruptedAnswer
from ..xmpp.sender import StanzaSender

if TYPE_CHECKING:
    # At run time it is imported by a gateway with a database only.
    from .instance import Instance


def isDurable(config: Config) -> bool:
    """Tell whether messages and stanzas are stored, not only idempotency keys."""
    return config.store != "memory"


def makeStore(config: Config, settings: Live[LiveSettings], reactor: Any) -> Store:
    """
    Make the store that the configuration names.

    @raise ValueError: It cannot be made; the message says why.
    """

    def keyLimit() -> int:
        return settings.value.recordLimit

    if isDatabase(config.store):
        return _makeDatabaseStore(config, keyLimit, reactor)
    if isDurable(config):
        path = config.store.partition(":")[2]
        return SQLiteStore(path, reactor, keyLimit=keyLimit)
    # For idempotency keys.
    return MemoryStore(keyLimit=keyLimit)


def _makeDatabaseStore(
    config: Config, keyLimit: Callable[[], int], reactor: Any
) -> Store:
    """
    Make a store in PostgreSQL. Without one, nothing of it is imported.

    @raise ValueError: psycopg is not installed, or libpq cannot read the location.
    """
    try:
        from ..core.cluster.role import STREAM  # noqa: PLC0415  # as said
        from ..store.postgresql import PostgreSQLStore  # noqa: PLC0415
    except ImportError as error:
        raise ValueError(
            f"store is a PostgreSQL database, which needs psycopg ({error}): pip"
            " install 'xmpprest[postgresql]'."
        ) from None
    try:
        return PostgreSQLStore(
            conninfo(config.store),
            reactor,
            password=config.storePassword,
            domain=config.domain,
            keyLimit=keyLimit,
            isAlone=False,
            lease=STREAM,
        )
    except ValueError as error:
        raise ValueError(f"store: {error}.") from None


def makeInstance(config: Config, store: Store, reactor: Any) -> Instance | None:
    """
    Make this gateway one of several instances; C{None} if no others can share its
    store. Without a database, nothing of it is imported.
    """
    if not isDatabase(config.store):
        return None
    from .instance import Instance  # noqa: PLC0415  # as said

    return Instance(cast(Any, store), reactor)


def makeUpkeep(settings: Live[LiveSettings], store: Store, reactor: Any) -> StoreUpkeep:
    """Make the service that purges the store."""
    return StoreUpkeep(
        store,
        reactor,
        time.time,
        settings,
        interrupted=interruptedAnswer(),
    )


def makeOutbox(
    config: Config,
    settings: Live[LiveSettings],
    store: Store,
    sender: StanzaSender,
    *,
    gates: RoomGates,
    reactor: Any,
) -> Outbox | DirectOutbox:
    """
    Make the outbox: with a store or, without one, straight to the stream.

    @param gates: The rooms that bots are in.
    """
    if not isDurable(config):
        return DirectOutbox(sender, sender.whenDrained)
    return Outbox(
        store,
        sender,
        sender.barrier,
        settings,
        clock=reactor,
        now=time.time,
        domain=config.domain,
        gates=gates,
    )


def clientEndpoint(description: str, reactor: Any) -> Any:
    """
    Parse the endpoint of the XMPP server.

    @raise ValueError: The description is not a client endpoint.
    """
    try:
        return clientFromString(reactor, description)
    except TypeError:
        # The parser calls a constructor with the parts that are there.
        raise ValueError(
            f"server is {description!r}: expected a Twisted client endpoint like"
            " tcp:127.0.0.1:5347 (a part is missing)."
        ) from None
    except Exception as error:
        # The parsers of endpoints raise exceptions of any class.
        raise ValueError(
            f"server is {description!r}: expected a Twisted client endpoint like"
            f" tcp:127.0.0.1:5347 ({error})."
        ) from None
