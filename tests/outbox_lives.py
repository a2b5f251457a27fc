"""Lives of an outbox in processes that can be killed, and the diary each leaves of what it promised.

Started as a script this is a nursery: it forks a child for each line on stdin, so that a life costs no start of Python.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self, cast

import msgspec

from gateway.config.site import Gateway
from gateway.config.site import Outbox as Settings
from gateway.messages import Composer
from gateway.model import Absent, Draft, Identity, Present, Work
from gateway.outbox import quarantine
from gateway.outbox.inspect import stopped
from gateway.outbox.store import Outbox, OutboxError, open_outbox
from gateway.outbox.values import Receipt, Row
from tests.ledger import Event, Ledger

ROOT = Path(__file__).resolve().parents[1]
APART = 1_000_000
"""Numbers apart that two lives start."""

SETTINGS = Settings(linger=0.001, max_size=1 << 20)
"""Little room: the log is brought into the file often, and what was sent has to go early."""

_BOUND = 60.0
"""Seconds that any one thing may take."""

_SET_PTRACER, _ANYBODY = 0x59616D61, ctypes.c_ulong(-1)
"""prctl(2), PR_SET_PTRACER: where Yama lets only parents trace."""


class Life(msgspec.Struct):
    """What a child is to do: works from number `first` on, for ever unless `works` says how many."""

    folder: str
    diary: str
    first: int
    works: int | None = None
    waits: bool = False
    """For SIGUSR1, before it begins."""
    max_size: int = SETTINGS.max_size


def declare() -> Composer:
    """Who writes declarations of loss."""
    return Composer(Gateway("gw-07", "dc1"), "rfid", {})


def work(first: int) -> Work:
    """Some events together, the first one's number present, and that of the work before gone."""
    luck = random.Random(first)
    count = 1 + first // 5 % 5
    drafts = tuple(
        Draft(
            "telemetry",
            "dock-1",
            number.to_bytes(16, "big"),
            b'"id":"urn:n:%d","type":"readpoint.telemetry.v1","work":[%d,%d],"pad":"%s"'
            % (number, first, count, luck.randbytes(luck.choice((0, 20, 200, 1200))).hex().encode()),
        )
        for number in range(first, first + count)
    )
    here = Present(Identity(f"urn:n:{first}", "raw", "instance"), "dock-1", float(first), float(first))
    return Work(drafts, (here, Absent(f"urn:n:{first - 5}", "dock-1")))


class Diary:
    """Lines in a file outside the outbox's folder, each written by one call before anything follows from it."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def close(self) -> None:
        os.close(self._descriptor)

    def write(self, kind: bytes, texts: Iterable[bytes]) -> None:
        if lines := b"".join(b"%b\t%b\n" % (kind, text) for text in texts):
            os.write(self._descriptor, lines)

    def recorded(self, rows: Sequence[Row]) -> None:
        self.write(b"recorded", (row.payload for row in rows))


async def live(outbox: Outbox, diary: Diary, first: int, works: int | None) -> None:
    """Record, send, have confirmed, give up: all that an outbox is asked to do."""
    outbox.listen(diary.recorded)
    done = 0
    while works is None or done < works:
        for _ in range(10):
            outbox.put(work(first + 5 * done))
            done += 1
        await outbox.flush()
        if done % 50 == 0:
            outbox.dead([row.rowid for row in await outbox.claim("live", 1, 1 << 20)], "0x99")
        for lane in ("historical", "live"):
            rows = await outbox.claim(lane, 60, 1 << 20)
            diary.write(lane.encode(), (row.payload for row in rows))
            outbox.settle([row.rowid for row in rows])
            if lane == "live" and rows:
                await outbox.acknowledge(Receipt(outbox.stream, outbox.epoch, rows[0].sequence))


async def _life(orders: Life, diary: Diary) -> None:
    began = time.monotonic()
    settings = msgspec.structs.replace(SETTINGS, max_size=orders.max_size)
    try:
        async with open_outbox(
            Path(orders.folder), "rfid", settings, machine_id="box-1", declare=declare().loss
        ) as outbox:
            diary.write(b"open", [b"%f" % (time.monotonic() - began)])
            await live(outbox, diary, orders.first, orders.works)
    except (OutboxError, OSError) as error:
        diary.write(b"failed", [str(error).replace("\n", " ").encode()])
        raise


def _be(orders: Life, diary: Diary) -> None:
    ctypes.CDLL(None).prctl(_SET_PTRACER, _ANYBODY, 0, 0, 0)
    code = 1
    try:
        if orders.waits:
            signal.sigwait({signal.SIGUSR1})
        asyncio.run(_life(orders, diary))
        code = 0
    except (OutboxError, OSError):
        code = 3
    finally:
        os._exit(code)


def _nursery() -> None:
    """The process id of each child, then how it ended, are lines on stdout."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    for line in sys.stdin:
        orders = msgspec.json.decode(line, type=Life)
        diary = Diary(Path(orders.diary))  # before anybody makes the child's calls fail
        child = os.fork()
        if child == 0:
            _be(orders, diary)
        diary.close()
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


class Nursery:
    """The parent of lives, one at a time. A context; `bound` is what any one of them may take, in seconds."""

    def __init__(self, bound: float = _BOUND) -> None:
        self._bound = bound

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(self._bound)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def begin(self, orders: Life) -> int:
        """Its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(orders) + b"\n")
        return int(self._line())

    @staticmethod
    def let_go(process: int) -> None:
        """A life that waits begins."""
        os.kill(process, signal.SIGUSR1)

    def idle(self, seconds: float) -> None:
        """So long, or until the life has ended by itself."""
        assert self._process.stdout is not None
        select.select([self._process.stdout], [], [], seconds)

    def end(self) -> int:
        """How it ended: 0 done, 3 the outbox failed, negative by that signal."""
        return int(self._line())

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        line = b""
        while not line.endswith(b"\n"):
            assert select.select([self._process.stdout], [], [], self._bound)[0], "a life takes too long"
            byte = self._process.stdout.read(1)
            assert byte, "the nursery has ended"
            line += byte
        return line


def lines(diary: Path) -> list[tuple[str, bytes]]:
    """Of a diary, without the line that its life did not finish."""
    if not diary.exists():
        return []
    whole = diary.read_bytes().split(b"\n")[:-1]
    return [(kind.decode(), text) for kind, _, text in (line.partition(b"\t") for line in whole)]


def read(ledger: Ledger, diary: Path) -> dict[str, list[bytes]]:
    """Tell the ledger what a life has promised; the lines about other things."""
    others = defaultdict(list)
    for kind, text in lines(diary):
        if kind == "recorded":
            ledger.record(json.loads(text))
        elif kind in {"live", "historical"}:
            ledger.deliver(json.loads(text), kind, diary)
        else:
            others[kind].append(text)
    return others


async def _open_and_close(folder: Path) -> None:
    async with open_outbox(folder, "rfid", SETTINGS, machine_id="box-1", declare=declare().loss) as outbox:
        async with asyncio.timeout(_BOUND):
            while quarantine.unsaved(folder):  # noqa: ASYNC110 - another thread unlinks it
                await asyncio.sleep(0.002)
        await outbox.flush()


def look(ledger: Ledger, folder: Path) -> list[Event]:
    """Open the outbox once more as the gateway does, until all is saved that can be; tell the ledger what is there."""
    asyncio.run(_open_and_close(folder))
    found: list[Event] = []
    with stopped(folder) as outside:
        for entry in outside.rows(limit=10**9):
            row = outside.show(entry.epoch, entry.sequence)
            event = None if row is None or entry.reason == "corrupt" else _event(row.payload)
            if event is not None:
                found.append(event)
                if entry.state in {"pending", "dead"}:
                    ledger.keep(event, entry.state)
    return found


def _event(payload: bytes) -> Event | None:
    """What was sent, or given up as damaged, need not be whole."""
    try:
        return cast("Event", json.loads(payload))
    except ValueError:
        return None


def torn(events: Iterable[Event]) -> list[tuple[int, int]]:
    """Works of which a part is stored, among all events there ever were."""
    works = defaultdict(set)
    for event in events:
        if "work" in event:
            works[tuple(event["work"])].add(int(event["id"].rpartition(":")[2]))
    return [(first, count) for (first, count), numbers in works.items() if numbers != set(range(first, first + count))]


def kill(process: int) -> None:
    """SIGKILL, if it is still there."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


if __name__ == "__main__":
    _nursery()
