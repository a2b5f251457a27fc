"""A disk that fails, is read-only, or takes half a second for each fsync: it ends in a sentence or goes on, and loses
nothing.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.outbox.store import open_outbox
from tests import strace
from tests.brokers import MOSQUITTO, Mosquitto, Pki, free_tcp_port, subscriber
from tests.ledger import Ledger
from tests.outbox_lives import APART, SETTINGS, Life, Nursery, look, read, work
from tests.scenarios.conftest import BOUND, GatewayProcess, Start
from tests.scenarios.test_main_path import ZONES, nothing_is_lost, reader, restless

FAULTS = (
    ("fdatasync", "EIO"),
    ("fsync", "EIO"),
    ("pwrite64", "EIO"),
    ("pwrite64", "EROFS"),
    ("pwrite64", "ENOSPC"),
    ("ftruncate", "EIO"),
    ("fallocate", "ENOSPC"),
    ("pread64", "EIO"),
    ("unlink", "EIO"),
    ("openat", "EMFILE"),
)
"""A system call and what it says instead of doing anything."""

SOAK = 20
WORKS = 60
ENDED = {0, 3}
"""Done in spite of it, or ended because the outbox had failed; anything else is a bug."""

SLOW = 0.5
"""Seconds of an fsync."""

SYNCS = 4
"""That the event loop has to live with."""

pytestmark = pytest.mark.skipif(strace.forbidden() is not None, reason=str(strace.forbidden()))


def with_faults(folder: Path, times: int) -> tuple[Ledger, Counter[tuple[str, int]]]:
    """Lives on one folder in each of which one thing fails, once or from then on; how they ended, by fault."""
    luck = random.Random(20261124)
    ended: Counter[tuple[str, int]] = Counter()
    ledger, life = Ledger(), 0
    with Nursery() as nursery:
        for call, error in FAULTS * times:
            diary = folder / f"{life}.diary"
            process = nursery.begin(Life(str(folder / "box"), str(diary), 5 + life * APART, WORKS, waits=True))
            first = luck.choice((1, 3, 9, 20, 60, 200))
            # Without room it waits until there is some.
            last = luck.choice((f"..{first + 9}",) if error == "ENOSPC" else ("", "+"))
            fault = f"inject={call}:error={error}:when={first}{last}"
            with strace.attached(process, "-e", f"trace={call}", "-e", fault):
                nursery.let_go(process)
                code = nursery.end()
            ended[f"{call} {error}", code] += 1
            assert code in ENDED, f"{fault}: ended with {code}"
            said = read(ledger, diary)
            assert code == 0 or said["failed"], f"{fault}: ended without a word"
            life += 1
    look(ledger, folder / "box")
    return ledger, ended


def test_nothing_is_lost_whatever_the_disk_refuses(tmp_path):
    ledger, ended = with_faults(tmp_path, 1)
    assert sum(count for (_, code), count in ended.items() if code == 3) >= 3
    assert ledger.faults == []
    assert ledger.given_up == []


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_two_hundred_faults_of_a_disk(tmp_path):
    ledger, ended = with_faults(tmp_path, SOAK)
    print(f"{ended.total()} faults of a disk: {ledger}")
    print(
        ", ".join(f"{fault}: {'went on' if code == 0 else 'ended'} {n}" for (fault, code), n in sorted(ended.items()))
    )
    assert ledger.faults == []
    assert ledger.given_up == []


@pytest.fixture
def running(mosquitto: Callable[..., Mosquitto], pki: Pki) -> Mosquitto:
    """A broker."""
    made = mosquitto(pki=pki)
    made.start()
    return made


needs_a_broker = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")


async def process_of(box: GatewayProcess) -> int:
    return (await box.until(lambda now: now.uplink.state == "online")).pid


@needs_a_broker
async def test_a_gateway_whose_disk_fails_says_so_ends_and_goes_on_when_started_again(
    gateway: Start, running: Mosquitto
) -> None:
    warehouse = restless(steps=240)
    async with reader(warehouse) as device:
        with subscriber(running) as heard:
            box = gateway(running, ZONES.format(port=device.port, timeout="1s"))
            await box.start()
            fault = "inject=fdatasync:error=EIO:when=5+"
            with strace.attached(await process_of(box), "-e", "trace=fdatasync", "-e", fault) as tracer:
                await asyncio.to_thread(strace.ended, tracer)
            assert await box.end() == 1
            said = box.log.read_text()
            assert "the outbox stopped" in said
            assert "Traceback" not in said
            await box.start()
            await nothing_is_lost(box, heard)


@needs_a_broker
async def test_a_slow_disk_holds_up_neither_reading_nor_answers(
    gateway: Start, running: Mosquitto, tmp_path: Path
) -> None:
    warehouse = restless(steps=600)
    async with reader(warehouse) as device:
        with subscriber(running) as heard:
            box = gateway(running, ZONES.format(port=device.port, timeout="1s"))
            await box.start()
            slow = f"inject=fdatasync:delay_enter={round(SLOW * 1e6)}"
            log = tmp_path / "slow"
            with strace.attached(await process_of(box), "-e", "trace=fdatasync", "-e", slow, log=log):
                answers, longest = await ask_while_it_syncs(box, log)
            syncs = strace.calls(log)["fdatasync"]
            print(f"{syncs} fsyncs of {SLOW} s: {answers} answers meanwhile, the slowest after {longest:.3f} s")
            assert answers > 3 * syncs, "an fsync holds the event loop up"
            await nothing_is_lost(box, heard)


async def ask_while_it_syncs(box: GatewayProcess, log: Path) -> tuple[int, float]:
    """Ask for the status while some commits are on their way: how often it answered, and how slowly at worst."""
    answers, longest, deadline = 0, 0.0, time.monotonic() + BOUND
    before = now = await box.status()
    while strace.calls(log).get("fdatasync", 0) < SYNCS:
        assert time.monotonic() < deadline
        asked = time.monotonic()
        now = await box.status()
        longest = max(longest, time.monotonic() - asked)
        answers += now is not None
    assert before is not None
    assert now is not None
    assert now.location.reads > before.location.reads, "reading goes on"
    return answers, longest


@pytest.mark.root
async def test_a_read_only_disk_is_named_at_the_start(gateway: Start, mosquitto: Callable[..., Mosquitto]) -> None:
    """Once it may be written again, the outbox goes on."""
    box = gateway(mosquitto(), ZONES.format(port=free_tcp_port(), timeout="1s"))
    state = box.folder / "state"
    state.mkdir()
    mounted = run("mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(state))
    if mounted:
        pytest.skip(f"mounting is not allowed here: {mounted}")
    try:
        async with open_outbox(state / "rfid", "rfid", SETTINGS) as outbox:
            outbox.put(work(5))
        assert run("mount", "-o", "remount,ro", str(state)) == ""
        code, said = await box.ends()
        assert code == 1
        assert "Read-only file system" in said
        assert str(state) in said
        assert "Traceback" not in said
        assert run("mount", "-o", "remount,rw", str(state)) == ""
        async with open_outbox(state / "rfid", "rfid", SETTINGS) as outbox:
            assert outbox.stats.pending == len(work(5).drafts)
    finally:
        assert run("umount", str(state)) == ""


def run(*command: str) -> str:
    """What a command has against it."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stderr.strip() if done.returncode else ""
