"""
Kills gateways and servers while a bot is in a room, and counts what went wrong.

C{python -m bench.room_kills [--kills 20] [--servers prosody ejabberd]
[--rooms archive history]} runs a gateway on each server, with a bot in a room that has
an archive, or only the history that it repeats. A gateway and its server are killed so
often, one after the other, while another occupant and the bot talk.

After each kill a third occupant enters, and reads who is in the room and what the room
still has. The command prints the table of docs/explanation/crash-tests.rst. It exits
with status 1 if the bot was not in the room again or not once, if a message that the
room had was not POSTed, if one was POSTed twice, or if one of the bot was lost.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from bench.harness.room_peers import Callback, Client, until
from bench.reporting.rst_table import table
from bench.room_witness import Witness
from tests.support.gateway_process import (
    GatewayProcess,
    SurvivalEjabberd,
    SurvivalProsody,
)
from tests.support.process import ServerProcess

#: Messages of the talker, and of the bot, for each kill; it comes behind any of them.
ROUND = 10

HEADINGS = (
    *("server", "room", "kills", "held", "POSTed", "missed", "twice", "again"),
    *("sent", "lost", "repeated", "other id", "wrong"),
)


class RoomProsody(SurvivalProsody):
    """
    A Prosody whose rooms survive a kill.
    """

    # One of them has the name of the rooms without an archive.
    others = ()

    def _configure(self) -> None:
        super()._configure()
        path = self.directory / "prosody.cfg.lua"
        archive = 'modules_enabled = { "muc_mam" }'
        persistent = f"{archive}\n    muc_room_default_persistent = true"
        path.write_text(path.read_text().replace(archive, persistent))


class RoomEjabberd(SurvivalEjabberd):
    """
    An ejabberd whose rooms and archives survive a kill: they are in SQLite.

    @ivar hasArchive: Whether new rooms have an archive.
    """

    hasArchive = True
    others = ()

    def _configure(self) -> None:
        super()._configure()
        path = self.directory / "ejabberd.yml"
        configuration = json.loads(path.read_text())
        modules = configuration["modules"]
        modules["mod_mam"] = {"db_type": "sql"}
        modules["mod_muc"]["db_type"] = "sql"
        options = {"mam": self.hasArchive, "persistent": True}
        modules["mod_muc"]["default_room_options"] = options
        path.write_text(json.dumps(configuration))


@dataclass
class Findings:
    """
    The counts of a run.

    @ivar held: The talker's messages that the room had after a kill.
    @ivar accepted: The bot's messages that the gateway has accepted.
    @ivar wrong: Descriptions of kills after which the occupants were wrong.
    """

    held: set[int] = field(default_factory=set)
    accepted: dict[int, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


class Trial:
    """
    A gateway with a bot in a room, whose server and self are killed.
    """

    def __init__(self, name: str, *, hasArchive: bool) -> None:
        self._name = name
        self._hasArchive = hasArchive
        self._server = _makeServer(name, hasArchive=hasArchive)
        self._server.start()
        service = self._server.mucDomain if hasArchive else self._server.plainMUCDomain
        self._room = f"kills@{service}"
        self._callback = Callback()
        self._gateway = GatewayProcess(
            self._server,
            self._server.componentDomain,
            self._callback.url,
            "sqlite:store/rooms.db",
            settings={"XMPPREST_CALLBACK_CONTENT_TYPE": "json"},
        )
        self._client = Client(self._gateway)
        self._witness = Witness(self._server, self._room, hasArchive=hasArchive)
        self._findings = Findings()
        self._random = Random(0)
        self._said = 0

    def stop(self) -> None:
        """End both processes."""
        self._gateway.stop()
        self._server.stop()

    def run(self, kills: int) -> tuple[tuple[str, ...], bool]:
        """
        Kill the gateway and the server so often each.

        @return: The row of the table, and whether nothing was wrong.
        """
        self._witness.connect()
        self._gateway.start()
        path = f"/rooms/{self._room}"
        until(lambda: self._client.ask("PUT", path, {})[0] == 200, "the first join")
        for turn in range(2 * kills):
            self._turn(turn)
        self._settle()
        return self._row(2 * kills)

    def _turn(self, turn: int) -> None:
        """Let both talk, kill in the midst of it, and look into the room."""
        victim: ServerProcess = self._server if turn % 2 else self._gateway
        last = self._random.randrange(ROUND)
        for number in range(ROUND):
            self._talk()
            if number == last:
                victim.kill()
                if victim is self._server:
                    victim.start()
                    self._witness.connect()
        if victim is self._gateway:
            victim.start()
        took = until(lambda: self._client.joined() == 1, f"turn {turn}")
        audit = self._witness.audit()
        self._findings.held |= audit.held
        nicks = sorted(audit.nicks)
        if nicks != ["auditor", "talker", "xmpprest"]:
            self._findings.wrong.append(f"kill {turn}: {nicks}")
        print(
            f"kill {turn} of {victim.name}: in again after {took:.1f} s, {nicks},"
            f" the room has {len(audit.held)}",
            flush=True,
        )

    def _talk(self) -> None:
        self._said = number = self._said + 1
        self._witness.say(number)
        message = {"type": "groupchat", "body": f"b{number}", "id": f"b{number}"}
        path = f"/message/groupchat/{self._room}"
        status, reply = self._client.ask("POST", path, message)
        if status == 202:
            self._findings.accepted[number] = reply["id"]

    def _settle(self) -> None:
        """Wait until everything that was promised has arrived, or for a minute."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and (self._missed or self._lost):
            time.sleep(0.5)

    @property
    def _missed(self) -> set[int]:
        """The talker's messages that the room had, and that were not POSTed."""
        return self._findings.held - {*self._callback.bodies}

    @property
    def _lost(self) -> set[int]:
        """The bot's messages that were accepted and never heard in the room."""
        return {*self._findings.accepted} - self._witness.known

    def _row(self, kills: int) -> tuple[tuple[str, ...], bool]:
        callback, witness, findings = self._callback, self._witness, self._findings
        posted = Counter(callback.bodies)
        twice = [number for number, ids in callback.ids.items() if len(ids) > 1]
        again = sum(count > 1 for count in posted.values()) - len(twice)
        repeated = {n: ids for n, ids in witness.said.items() if len(ids) > 1}
        otherID = [n for n, ids in repeated.items() if {*ids} != {f"b{n}"}]
        missed, lost = self._missed, self._lost
        gone = len(witness.heard - findings.held - {*posted})
        print(f"heard, but neither held after a kill nor POSTed: {gone}")
        for name, found in (
            *(("missed", missed), ("twice", twice), ("lost", lost)),
            *(("other id", otherID), ("wrong", findings.wrong)),
        ):
            if found:
                print(f"{name}: {found}")
        isOrdered = _isOrdered(callback.bodies)
        print(f"first POSTs in order: {isOrdered}", flush=True)
        numbers = (
            *(kills, len(findings.held), len(posted), len(missed), len(twice), again),
            *(len(findings.accepted), len(lost), len(repeated), len(otherID)),
            len(findings.wrong),
        )
        source = "archive" if self._hasArchive else "history"
        isRight = isOrdered and not (missed or twice or lost or otherID)
        row = (self._name, source, *(f"{each:,}" for each in numbers))
        return row, isRight and not findings.wrong


def _isOrdered(bodies: Sequence[int]) -> bool:
    first = list(dict.fromkeys(bodies))
    return first == sorted(first)


def _makeServer(name: str, *, hasArchive: bool) -> ServerProcess:
    if name == "prosody":
        return RoomProsody()
    server = RoomEjabberd()
    server.hasArchive = hasArchive
    return server


def main() -> None:
    """Run the trials that are asked for."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0])
    parser.add_argument("--kills", type=int, default=20, help="of gateway and server")
    names = ("prosody", "ejabberd")
    parser.add_argument("--servers", nargs="+", choices=names, default=[*names])
    rooms = ("archive", "history")
    parser.add_argument("--rooms", nargs="+", choices=rooms, default=[*rooms])
    options = parser.parse_args()
    rows: list[tuple[str, ...]] = [HEADINGS]
    isRight = True
    for name in options.servers:
        for source in options.rooms:
            print(f"\n{name}, {source}", flush=True)
            trial = Trial(name, hasArchive=source == "archive")
            try:
                row, isGood = trial.run(options.kills)
            finally:
                trial.stop()
            rows.append(row)
            isRight = isRight and isGood
    print(table(rows))
    raise SystemExit(not isRight)


if __name__ == "__main__":
    main()
