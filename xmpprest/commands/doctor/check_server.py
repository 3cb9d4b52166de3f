"""Connects to the XMPP server as the gateway would, and disconnects."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from twisted.internet.defer import TimeoutError
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
_AWAY = StanzaError("wait", "recipient-unavailable", "The gateway is being checked.")


def checkTrustRoots(server: str) -> CheckResult | None:
    """
    Check that the directory of CAs for the XMPP server has one; Twisted accepts an
    empty directory, and then trusts no server.

    @return: C{None} if the endpoint names no directory, or a good one.
    """
    match = re.search(r":trustRoots=((?:[^:\\]|\\.)+)", server)
    if match is None:
        return None
    directory = Path(re.sub(r"\\(.)", r"\1", match[1]))
    if any(directory.glob("*.pem")):
        return None
    return failed(
        "XMPP server",
        f"{directory} has no CA: put the CA's certificate there, in a file NAME.pem",
    )


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
    trust = checkTrustRoots(config.server)
    if trust is not None:
        tell(trust)
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
    try:
        await sender.barrier.wait().addTimeout(timeout, reactor)
    except TimeoutError:
        means = f"nothing came back within {timeout:g} s"
    except Refusal as refusal:
        means = refusal.problem.text
    else:
        means = sender.barrier.method
    if means == LOOPBACK:
        took = f"{1000 * (reactor.seconds() - started):.1f} ms"
        return ok("barrier", f"a query of the gateway to itself came back in {took}")
    if means == PING:
        return ok(
            "barrier", "the server answers pings; queries to itself do not return"
        )
    return warning(
        "barrier",
        f"the gateway cannot find out which messages the server has accepted ({means}),"
        " so they stay 'sent': let the server route stanzas that the component sends to"
        " its own domain",
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
