"""SIGKILL at random moments and at every kind of system call: what its COMMIT returned for is there, whole, once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from gateway.outbox.store import open_outbox
from tests import strace
from tests.ledger import Ledger
from tests.outbox_lives import APART, SETTINGS, Life, Nursery, declare, kill, look, read, torn

KILLS = 60
CALLS = 20
SOAK = 1_000
WORKS = 60
"""Of a life that is killed at a system call: it uses them all."""

READY = 30.0
"""Seconds: ten times what is aimed at, which is printed."""
"""Seconds after a kill in which it must be open again; a figure that soak prints."""


def _orders(folder: Path, life: int, works: int | None = None, *, waits: bool = False) -> Life:
    return Life(str(folder / "box"), str(folder / f"{life}.diary"), 5 + life * APART, works, waits)


def _verdict(folder: Path, lives: int) -> tuple[Ledger, list[float]]:
    """All diaries and the file against the invariant; how long each life took to open, in order of length."""
    ledger, opened = Ledger(), []
    for life in range(lives):
        others = read(ledger, folder / f"{life}.diary")
        assert "failed" not in others
        opened += [float(text) for text in others["open"]]
    events = look(ledger, folder / "box")
    assert ledger.faults == []
    # What was dropped because it was sent cannot be seen here, whole works can.
    assert [one for one in torn(events) if not _delivered(ledger, *one)] == []
    return ledger, sorted(opened)


def _delivered(ledger: Ledger, first: int, count: int) -> bool:
    return all(ledger.knows(f"urn:n:{number}") for number in range(first, first + count))


async def _present(folder: Path) -> set[str]:
    async with open_outbox(folder, "rfid", SETTINGS, machine_id="box-1", declare=declare().loss) as outbox:
        return {present.object.uri for present in outbox.presence()}


def at_random(folder: Path, kills: int) -> tuple[Ledger, list[float]]:
    """Lives that each end up to 0.12 s after they began."""
    luck = random.Random(20261121)
    with Nursery() as nursery:
        for life in range(kills):
            process = nursery.begin(_orders(folder, life))
            nursery.idle(luck.uniform(0.0, 0.12))
            kill(process)
            assert nursery.end() == -9, read(Ledger(), folder / f"{life}.diary")["failed"]
    return _verdict(folder, kills)


def test_nothing_recorded_is_lost_whenever_the_process_dies(tmp_path):
    ledger, _ = at_random(tmp_path, KILLS)
    assert len(ledger.recorded) > KILLS
    present = asyncio.run(_present(tmp_path / "box"))
    assert len(present) <= KILLS, "one object a life, at most"


def at_calls(folder: Path, kills: int) -> tuple[Ledger, list[float], Counter[str]]:
    """Lives that end at the nth call of some kind, each kind in turn; how many did by kind."""
    luck = random.Random(20261122)
    died: Counter[str] = Counter()
    with Nursery() as nursery:
        process = nursery.begin(_orders(folder, 0, WORKS, waits=True))
        log = folder / "calls"
        with strace.attached(process, log=log) as tracer:
            nursery.let_go(process)
            assert nursery.end() == 0
            strace.ended(tracer)
        kinds = sorted(strace.calls(log).items())
        luck.shuffle(kinds)
        for life in range(1, kills + 1):
            kind, times = kinds[life % len(kinds)]
            process = nursery.begin(_orders(folder, life, WORKS, waits=True))
            inject = f"inject={kind}:signal=KILL:when={luck.randint(1, times)}"
            with strace.attached(process, "-e", f"trace={kind}", "-e", inject) as tracer:
                nursery.let_go(process)
                died[kind] += nursery.end() == -9
    return *_verdict(folder, kills + 1), died


@pytest.mark.skipif(strace.forbidden() is not None, reason=str(strace.forbidden()))
def test_nothing_recorded_is_lost_at_whatever_system_call_it_dies(tmp_path):
    ledger, _, died = at_calls(tmp_path, CALLS)
    assert died.total() > CALLS // 2
    assert ledger.recorded


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.skipif(strace.forbidden() is not None, reason=str(strace.forbidden()))
def test_a_thousand_kills_lose_nothing(tmp_path):
    (tmp_path / "random").mkdir()
    (tmp_path / "calls").mkdir()
    ledger, opened = at_random(tmp_path / "random", SOAK)
    print(
        f"{SOAK} kills at random moments: {ledger}; open again in {opened[len(opened) // 2]:.3f} s, {opened[-1]:.3f} s"
    )
    assert opened[-1] <= READY
    ledger, opened, died = at_calls(tmp_path / "calls", SOAK)
    print(
        f"{died.total()} kills at {len(died)} kinds of system call: {ledger}; open again in {opened[-1]:.3f} s at most"
    )
    print(", ".join(f"{kind} {count}" for kind, count in sorted(died.items())))
    assert opened[-1] <= READY
