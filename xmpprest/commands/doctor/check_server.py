"""Connects to the XMPP server as the gateway would, and disconnects."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.words.xish.domish import Element

from ...config.config import Config
from ...core.errors import Refusal, StanzaError
from ...core.policy.callback_response import errorReply
from ...core.stanza import namespaces as ns
from ...core.stanza.build import element, firstChild, make
from ...gateway.stores import clientEndpoint
from ...ids import newID
from ...xmpp.barrier import LOOPBACK, PING
from ...xmpp.component import ComponentService
from ...xmpp.connection_diagnosis import ConnectionDiagnosis, ConnectionFailed
from ...xmpp.sender import StanzaSender
from .result import CheckResult, failed, ok, warning

#: Error text for stanzas that arrive during the check.
_AWAY = StanzaError("wait", "recipient-unavailable", "The gateway is being examined.")


async def checkServer(
    config: Config,
    reactor: Any,
    timeout: float,
    tell: Callable[[CheckResult], None],
) -> datetime | None:
    """
    Connect, and send a ping through the stream.

    @return: The server's time; C{None} if it does not tell.
    """
    try:
        endpoint = clientEndpoint(config.server, reactor)
    except ValueError as error:
        tell(failed("XMPP server", str(error)))
        return None
    diagnosis = ConnectionDiagnosis(config.server)
    sender = StanzaSender(config.domain, reactor)

    def receive(stanza: Element) -> None:
        for answer in errorReply(stanza, _AWAY):
            sender.send(answer)

    component = ComponentService(
        endpoint,
        config.server,
        lambda: config.secret,
        reactor,
        sender=sender,
        handler=receive,
        reporter=diagnosis,
    )
    component.startService()
    try:
        await diagnosis.outcome.addTimeout(timeout, reactor)
    except (ConnectionFailed, TimeoutError) as error:
        fault = (
            error
            if isinstance(error, ConnectionFailed)
            else diagnosis.timeoutReason(timeout)
        )
        _tellFault(config, fault, tell)
        return None
    else:
        tell(ok("XMPP server", f"{config.server} is reached"))
        tell(ok("component", f"the server takes {config.domain} with this secret"))
        tell(await _checkBarrier(sender, reactor, timeout))
        return await _time(sender, config.domain, timeout)
    finally:
        await component.stopService()


def _tellFault(
    config: Config, fault: ConnectionFailed, tell: Callable[[CheckResult], None]
) -> None:
    if fault.reached:
        tell(ok("XMPP server", f"{config.server} is reached"))
        tell(failed("component", f"{config.domain} is not connected: {fault}"))
    else:
        tell(failed("XMPP server", f"{config.server} is not reached: {fault}"))


async def _checkBarrier(
    sender: StanzaSender, reactor: Any, timeout: float
) -> CheckResult:
    started = reactor.seconds()
    crossing: Coroutine[Any, Any, bool] = sender.barrier.wait()
    try:
        await Deferred.fromCoroutine(crossing).addTimeout(timeout, reactor)
    except TimeoutError:
        means = f"nothing came back within {timeout:g} s"
    except Refusal as refusal:
        means = refusal.problem.text
    else:
        means = sender.barrier.method
    if means == LOOPBACK:
        words = f"came back in {1000 * (reactor.seconds() - started):.1f} ms"
        return ok("barrier", f"what the gateway sends to itself {words}")
    if means == PING:
        return ok("barrier", "the server answers pings, but no query to itself returns")
    return warning(
        "barrier",
        f"it cannot be found out what the server has taken ({means}): messages stay"
        " 'sent'; let the server route what the component sends to its own domain",
    )


async def _time(sender: StanzaSender, domain: str, timeout: float) -> datetime | None:
    """Ask the server of the component's domain for its time (XEP-0202)."""
    _, _, peer = domain.partition(".")
    if not peer:
        return None
    query = make(
        "iq",
        {"to": peer, "from": domain, "type": "get", "id": newID()},
        [element(ns.TIME, "time")],
    )
    try:
        reply = (await sender.request(query, timeout))[-1]
    except Refusal:
        return None
    told = firstChild(reply, ns.TIME, "time")
    utc = None if told is None else firstChild(told, ns.TIME, "utc")
    try:
        moment = datetime.fromisoformat(str(utc))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
