"""Any order of puts, claims, settlements, releases, burials, resends, reconnects and restarts keeps every event."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import defaultdict
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.site import Outbox as Settings
from gateway.model import Draft, Work
from gateway.outbox.store import Outbox, Selection, open_outbox

LANES = st.sampled_from(["live", "historical"])
STEPS = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 4)),
    st.tuples(st.just("claim"), LANES, st.integers(1, 5)),
    st.tuples(st.just("stored"), st.integers(1, 4)),
    st.tuples(st.sampled_from(["settle", "release", "dead"]), st.integers(1, 3)),
    st.tuples(st.sampled_from(["resend", "reconnect", "restart"])),
)


def _draft(number: int, channel: str = "epcis") -> Draft:
    return Draft(channel, "dock-1", number.to_bytes(16, "big"), b'"number":%d' % number)


class Consumer:
    """Drives one outbox over many lives and keeps the books that the outbox must agree with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.put = 0
        self.declared: list[tuple[int, int, int]] = []
        self.hand: dict[int, int] = {}
        self.states: dict[int, str] = {}

    def _declare(self, stream, epoch, first, last, *, count, reason, time) -> Draft:
        assert count == last - first + 1
        self.declared.append((epoch, first, last))
        return _draft(0, "loss")

    async def live(self, steps: list[tuple], done: int) -> int:
        """Take steps until the next restart; gives how many."""
        options = {"machine_id": "box-1", "declare": self._declare}
        async with open_outbox(self.folder, "rfid", Settings(linger=0.0), **options) as outbox:
            self.hand.clear()
            for taken, (name, *values) in enumerate(steps[done:], 1):
                if name == "restart":
                    return done + taken
                await getattr(self, f"_{name}")(outbox, *values)
            return len(steps)

    async def _put(self, outbox: Outbox, count: int) -> None:
        outbox.put(Work(tuple(_draft(self.put + one) for one in range(1, count + 1))))
        self.put += count

    async def _stored(self, outbox: Outbox, count: int) -> None:
        await self._put(outbox, count)
        await outbox.flush()

    async def _claim(self, outbox: Outbox, lane: str, rows: int) -> None:
        claimed = await outbox.claim(lane, rows, 1 << 20)
        assert [row.rowid for row in claimed] == sorted({row.rowid for row in claimed})
        assert len(claimed) <= rows
        for row in claimed:
            assert row.rowid not in self.hand, "two hands"
            assert self.states.get(row.rowid) not in {"settle", "dead"}, "sent again without need"
            self.hand[row.rowid] = row.sequence

    def _let_go(self, count: int, how: str) -> list[int]:
        rowids = sorted(self.hand)[:count]
        for rowid in rowids:
            del self.hand[rowid]
            self.states[rowid] = how
        return rowids

    async def _settle(self, outbox: Outbox, count: int) -> None:
        outbox.settle(self._let_go(count, "settle"))

    async def _release(self, outbox: Outbox, count: int) -> None:
        outbox.release(self._let_go(count, "release"))

    async def _dead(self, outbox: Outbox, count: int) -> None:
        outbox.dead(self._let_go(count, "dead"), "0x99")

    async def _resend(self, outbox: Outbox) -> None:
        dead = [rowid for rowid, state in self.states.items() if state == "dead"]
        assert await outbox.resend(Selection()) == len(dead)
        for rowid in dead:
            self.states[rowid] = "pending"

    async def _reconnect(self, outbox: Outbox) -> None:
        outbox.release(list(self.hand))
        self.hand.clear()
        await outbox.begin_live()

    async def check(self) -> None:
        """What is in the file is what was put, numbered without a hole, in the states the books say."""
        async with open_outbox(self.folder, "rfid", Settings(linger=0.0), machine_id="box-1") as outbox:
            entries = await outbox.rows(limit=10_000)
            numbers, sequences = [], defaultdict(list)
            for entry in entries:
                row = await outbox.show(epoch=entry.epoch, sequence=entry.sequence)
                sequences[entry.epoch].append(entry.sequence)
                if entry.channel == "epcis":
                    numbers.append(json.loads(row.payload)["number"])
                expected = {"settle": "sent", "dead": "dead"}.get(self.states.get(entry.rowid, ""), "pending")
                assert entry.state == expected
            assert numbers == list(range(1, self.put + 1))
            assert all(seen == list(range(1, len(seen) + 1)) for seen in sequences.values())
            by_state = [sum(entry.state == state for entry in entries) for state in ("pending", "sent", "dead")]
            assert by_state == [outbox.stats.pending, outbox.stats.sent, outbox.stats.dead]
            gone = {(epoch, one) for epoch, first, last in self.declared for one in range(first, last + 1)}
            dead = {(e.epoch, e.sequence) for e in entries if e.state == "dead" and e.channel != "loss"}
            assert dead <= gone, "an undeclared hole"


async def _run(steps: list[tuple]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        consumer, done = Consumer(Path(folder)), 0
        while done < len(steps):
            done = await consumer.live(steps, done)
        await consumer.check()


@settings(max_examples=80, deadline=None)
@given(st.lists(STEPS, min_size=10, max_size=40))
def test_every_event_is_accounted_for_whatever_happens(steps):
    asyncio.run(_run(steps))
