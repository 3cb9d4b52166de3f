"""
Kills a gateway while clients upload files, and counts what is lost.

C{python -m bench.upload_kills [--kills 50]} starts Prosody with its upload service, a
gateway, and clients that send a text with two files each, with idempotency keys, until
they get a response. The gateway is killed (C{kill -9}) while a file is on its way. In
the end, the recipient must have every promised message with its id, and everybody must
be able to download each promised file; and the gateway must have left nothing on the
disk.

It exits with status 1 if not all of this is so.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from http.client import HTTPConnection, HTTPException
from json import loads
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any
from urllib.request import ProxyHandler, build_opener

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.internet.threads import deferToThread

from tests.servers.splitter import Received
from tests.support.gateway_process import TOKEN, GatewayProcess, SurvivalProsody
from tests.support.process import LOOPBACK
from tests.support.survival.load import sleep
from tests.support.survival.ordeal import newSeed
from tests.support.survival.peers import Correspondent
from tests.web.api.uploads import BOUNDARY, formOf, part
from tests.web.api.uploads import field as textField

#: Clients, and bytes of each file, at least and at most.
CLIENTS, LEAST, MOST = 4, 200_000, 3_000_000
#: Seconds within which a file must be on its way, and all must have arrived.
TIMEOUT = 60.0
#: Seconds between two tries.
PAUSE = 0.05


class UploadProsody(SurvivalProsody):
    """A Prosody whose upload service takes large files."""

    uploadLimit = 200_000_000


@dataclass(frozen=True)
class Promise:
    """
    A message with files that the gateway has accepted.

    @ivar ids: The ids of its messages: the text, and the files.
    @ivar files: The URL and the hash of each file.
    """

    ids: tuple[str, ...]
    files: tuple[tuple[str, str], ...]


@dataclass
class Client:
    """
    Sends messages with files, one after the other, each until it gets a response.

    @ivar promises: The accepted messages, by their text.
    @ivar tries: The number of requests.
    @ivar refused: The unexpected responses.
    """

    name: str
    port: int
    to: str
    chance: Random
    promises: dict[str, Promise] = field(default_factory=dict)
    tries: int = 0
    refused: list[str] = field(default_factory=list)
    isEnded: bool = False

    def run(self) -> None:
        """Send until it is ended."""
        number = 0
        while not self.isEnded:
            number += 1
            self._send(f"{self.name}.{number}")

    def _send(self, label: str) -> None:
        contents = [
            self.chance.randbytes(self.chance.randrange(LEAST, MOST)) for _ in range(2)
        ]
        disposition = 'form-data; name="file"; filename="{}.{}"'
        body = formOf(
            textField("body", label),
            *(
                part(content, disposition.format(label, index))
                for index, content in enumerate(contents)
            ),
        )
        while True:
            answer = self._post(label, body)
            if answer is None:
                time.sleep(PAUSE)
                continue
            break
        if "messages" not in answer:
            self.refused.append(f"{label}: {answer.get('detail')}")
            return
        messages = answer["messages"]
        hashes = [sha256(content).hexdigest() for content in contents]
        told = [each["file"]["sha-256"] for each in messages[1:]]
        if told != hashes:
            self.refused.append(f"{label}: other hashes")
        urls = [each["file"]["url"] for each in messages[1:]]
        ids = tuple(each["id"] for each in messages)
        files = tuple(zip(urls, hashes, strict=True))
        self.promises[label] = Promise(ids, files)

    def _post(self, label: str, body: bytes) -> Any:
        """Return the JSON of the response; C{None} if the request is to be repeated."""
        self.tries += 1
        connection = HTTPConnection(LOOPBACK, self.port, timeout=TIMEOUT)
        try:
            connection.request(
                "POST",
                f"/rest/message/chat/{self.to}",
                body,
                {
                    "Authorization": f"Bearer {TOKEN}",
                    "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
                    "Idempotency-Key": label,
                },
            )
            response = connection.getresponse()
            answer = loads(response.read())
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()
        return None if response.status in (409, 503, 504) else answer


class UploadKills:
    """
    The server, the gateway, its clients and the recipient.

    @ivar seen: The ids and texts of all messages that have arrived.
    @ivar during: The number of kills while a file was on its way.
    """

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.server = UploadProsody()
        self.gateway = GatewayProcess(
            self.server,
            self.server.componentDomain,
            "http://127.0.0.1:9/",
            "sqlite:store/xmpprest.db",
        )
        self.recipient = Correspondent(self.server, self._hear)
        self.seen: list[tuple[str, str]] = []
        self.during = 0
        to = f"user@{self.server.peerDomain}"
        self.clients = [
            Client(f"c{number}", self.gateway.port, to, Random(self.chance.random()))
            for number in range(CLIENTS)
        ]

    def _hear(self, stanza: Received) -> None:
        if stanza.kind == "message":
            text = stanza.element.findtext("{*}body") or ""
            self.seen.append((stanza.element.get("id", ""), text))

    def spools(self) -> list[str]:
        """The files that the gateway has open and that have no name."""
        found = []
        directory = Path(f"/proc/{self.gateway.pid}/fd")
        for each in directory.iterdir():
            try:
                target = os.readlink(each)
            except OSError:
                continue
            if target.startswith(str(self.gateway.storeDirectory)):
                found.append(target)
        return [each for each in found if "xmpprest.db" not in each]

    async def run(self, kills: int) -> bool:
        """Kill so often; return whether all is well."""
        await deferToThread(self.server.start)
        hearing = Deferred.fromCoroutine(self.recipient.run())
        await deferToThread(self.gateway.start)
        threads = [Thread(target=each.run, daemon=True) for each in self.clients]
        for thread in threads:
            thread.start()
        try:
            for number in range(1, kills + 1):
                await self._kill()
                end = "\r" if sys.stderr.isatty() else "\n"
                print(f"{number} of {kills}", end=end, file=sys.stderr)
            for client in self.clients:
                client.isEnded = True
            await self._until(lambda: not any(t.is_alive() for t in threads), "end")
            await self._until(lambda: not self._missing(), "arrival", fatal=False)
            # Duplicates may still come.
            await sleep(2)
            return await deferToThread(self._report, kills)
        finally:
            self.recipient.end()
            await deferToThread(self.gateway.stop)
            await deferToThread(self.server.stop)
            await hearing

    async def _kill(self) -> None:
        goal = len(self.promises) + self.chance.randrange(5)
        await self._until(lambda: len(self.promises) >= goal, "promise")
        await self._until(lambda: bool(self.spools()), "upload")
        await sleep(self.chance.uniform(0, 0.4))
        self.during += bool(self.spools())
        await deferToThread(self.gateway.kill)
        await deferToThread(self.gateway.start)

    async def _until(
        self, happened: Callable[[], bool], what: str, *, fatal: bool = True
    ) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not happened():
            if time.monotonic() > deadline:
                if fatal:
                    raise SystemExit(f"no {what} in {TIMEOUT:g} s")
                return
            await sleep(0.01)

    @property
    def promises(self) -> dict[str, Promise]:
        """All promises, by their text."""
        return {
            label: promise
            for client in self.clients
            for label, promise in client.promises.items()
        }

    def _missing(self) -> list[str]:
        """The ids that were promised and have not arrived."""
        ids = {id for id, _ in self.seen}
        promised = [id for each in self.promises.values() for id in each.ids]
        return [each for each in promised if each not in ids]

    def _report(self, kills: int) -> bool:
        promises, missing = self.promises, self._missing()
        ids: dict[str, set[str]] = {}
        for id, text in self.seen:
            ids.setdefault(text, set()).add(id)
        renamed = [text for text, each in ids.items() if len(each) > 1]
        opener = build_opener(ProxyHandler({}))
        damaged = []
        for promise in promises.values():
            for url, digest in promise.files:
                with opener.open(url, timeout=TIMEOUT) as response:
                    if sha256(response.read()).hexdigest() != digest:
                        damaged.append(url)
        left = self.spools()
        names = sorted(each.name for each in self.gateway.storeDirectory.iterdir())
        strange = [each for each in names if not each.startswith("xmpprest.db")]
        refused = [each for client in self.clients for each in client.refused]
        tries = sum(client.tries for client in self.clients)
        print(
            f"{kills} kills, {self.during} of them while a file was on its way;"
            f" {tries} requests\n"
            f"{len(promises)} promised texts with {2 * len(promises)} files,"
            f" {sum(len(each.ids) for each in promises.values())} messages\n"
            f"{len(missing)} lost, {len(damaged)} files damaged,"
            f" {len(renamed)} with another id,"
            f" {len(self.seen) - len(set(self.seen))} twice with the same id\n"
            f"{len(left) + len(strange)} files left on the disk,"
            f" {len(refused)} unexpected responses {refused[:3] or ''}"
        )
        return not (missing or damaged or renamed or left or strange or refused)


async def main(reactor: Any, *arguments: str) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m bench.upload_kills")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=newSeed())
    asked = parser.parse_args(arguments)
    if reason := UploadProsody.missing():
        raise SystemExit(reason)
    print(f"seed {asked.seed}", flush=True)
    if not await UploadKills(asked.seed).run(asked.kills):
        raise SystemExit(1)


if __name__ == "__main__":
    react(lambda *each: Deferred.fromCoroutine(main(*each)), sys.argv[1:])
