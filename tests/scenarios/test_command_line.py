"""The commands that ask a running gateway, as processes with pipes and signals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from simulators.warehouse import Warehouse
from tests.brokers import MOSQUITTO, Mosquitto, subscriber
from tests.scenarios.conftest import BOUND, GatewayProcess, Start
from tests.scenarios.test_main_path import TAG, TAG_URI, ZONES, floor, reader, walk

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")

STAYS = TAG[:-1] + b"\xff"
"""A tag that is there all the time: with it, time goes on in a recording."""


@asynccontextmanager
async def readpoint(*arguments: str | Path) -> AsyncIterator[Process]:
    """The command as it runs; killed at the end if it still does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *map(str, arguments), stdout=PIPE, stderr=PIPE, limit=2**20
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def ended(process: Process) -> tuple[int, str, str]:
    """Exit code, stdout and stderr; no traceback, whatever happened."""
    async with asyncio.timeout(BOUND):
        out, said = await process.communicate()
    assert b"Traceback" not in said
    assert process.returncode is not None
    return process.returncode, out.decode(), said.decode()


async def asked(box: GatewayProcess, *arguments: str) -> tuple[int, str, str]:
    """One command about this gateway, to its end."""
    async with readpoint(*arguments, "--config", box.site) as process:
        return await ended(process)


def decisions(events: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """What location events of the tag say, but for their ids and when it was decided."""
    return [
        (
            event["data"]["readpoint:observation"]["transition"],
            event["data"]["readPoint"]["id"],
            event["data"]["eventTime"],
            event["data"]["readpoint:observation"]["firstSeen"],
            event["data"]["readpoint:observation"]["lastSeen"],
            event["subject"],
        )
        for event in events
        if event["type"] == "readpoint.epcis.v1" and event["subject"] == TAG_URI
    ]


async def test_a_recording_replayed_decides_the_same(
    gateway: Start, broker: Mosquitto, tmp_path: Path, free_port: int
) -> None:
    recording = tmp_path / "dock.jsonl"
    with subscriber(broker) as heard:
        box = gateway(broker, ZONES.format(port=free_port, timeout="3s"))
        await box.start()
        async with readpoint("record", recording, "--config", box.site) as recorder:
            # The reader is off, and that is recorded; then it comes.
            await grown(recording)
            warehouse = floor()
            for tag in (STAYS, TAG):
                warehouse.place(tag, (0.0, 1.0), time.time())
            async with reader(warehouse, port=free_port):
                await walk(warehouse, heard)
                # Time ends with the last line: one after the departure is in it.
                await grown(recording)
                recorder.send_signal(signal.SIGINT)
                code, _, said = await ended(recorder)
            assert (code, said.strip().endswith("lines recorded")) == (0, True)
        lived = decisions(heard.events)
    async with readpoint("replay", "--config", box.site, recording) as replaying:
        code, out, said = await ended(replaying)
    assert (code, said) == (0, "")
    assert decisions([json.loads(line) for line in out.splitlines()]) == lived
    assert [what for what, *_ in lived] == ["arrived", "moved", "departed"]


async def grown(file: Path) -> None:
    """Until there is more in it than now."""
    size = file.stat().st_size if file.exists() else 0
    async with asyncio.timeout(BOUND):
        while not file.exists() or file.stat().st_size <= size:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)


async def test_what_a_running_gateway_tells(gateway: Start, broker: Mosquitto) -> None:
    warehouse = floor()
    for serial in range(5):
        warehouse.place(TAG[:-1] + bytes([serial]), (0.0, 1.0), time.time())
    with subscriber(broker):  # else the broker says that nobody listens
        async with reader(warehouse) as device:
            box = gateway(broker, ZONES.format(port=device.port, timeout="30s"))
            await box.start()
            await box.until(
                lambda now: now.location.present == 5 and now.outbox.pending == 0 and now.uplink.state == "online"
            )
            await well(box)
            await looks_into_its_outbox(box)
            await refuses_what_there_is_not(box)


async def well(box: GatewayProcess) -> None:
    code, out, _ = await asked(box, "status")
    assert code == 0
    assert all(word in out for word in ("online", "gw-07.rfid", "aisle-reader", "5 present", "llrp"))
    code, out, _ = await asked(box, "status", "--json")
    assert code == 0
    (told,) = [json.loads(line) for line in out.splitlines()]
    assert (told["segment"], told["location"]["present"]) == ("rfid", 5)


async def looks_into_its_outbox(box: GatewayProcess) -> None:
    code, out, _ = await asked(box, "outbox", "list", "--json", "--limit", "3")
    rows = [json.loads(line) for line in out.splitlines()]
    assert (code, [row["sequence"] for row in rows]) == (0, [1, 2, 3])
    code, table, _ = await asked(box, "outbox", "list")
    assert "aisle-a" in table
    code, out, _ = await asked(box, "outbox", "show", "--sequence", "1")
    shown = json.loads(out)
    assert (code, shown["sequence"], shown["epoch"]) == (0, "1", 1)
    assert (await asked(box, "outbox", "show", "--id", shown["id"]))[1] == out
    assert (await asked(box, "outbox", "dead", "--json"))[:2] == (0, "")
    assert (await asked(box, "outbox", "resend", "--dry-run"))[:2] == (0, "0 events would be sent again\n")
    # The same, from the file, once it has stopped.
    running = (await asked(box, "outbox", "list", "--json"))[1]
    assert await box.end() == 0
    stopped = (await asked(box, "outbox", "list", "--json"))[1]
    assert [json.loads(line)["rowid"] for line in stopped.splitlines()][: len(running.splitlines())] == [
        json.loads(line)["rowid"] for line in running.splitlines()
    ]
    assert (await asked(box, "outbox", "show", "--sequence", "1"))[1] == out
    assert (await asked(box, "outbox", "show", "--id", shown["id"]))[1] == out
    assert (await asked(box, "outbox", "resend"))[:2] == (0, "0 events are pending again\n")
    await box.start()


async def refuses_what_there_is_not(box: GatewayProcess) -> None:
    code, _, said = await asked(box, "record", "-", "--device", "dock-reader")
    assert (code, "has no device 'dock-reader': there are aisle-reader" in said) == (1, True)
    code, _, said = await asked(box, "outbox", "show", "--sequence", "4711")
    assert (code, "no such event" in said) == (1, True)
    code, _, said = await asked(box, "status", "--segment", "rfdi")
    assert (code, "did you mean 'rfid'?" in said) == (2, True)


async def test_tail_shows_events_and_says_when_the_gateway_stops(gateway: Start, broker: Mosquitto) -> None:
    async with reader(restless()) as device:
        box = gateway(broker, ZONES.format(port=device.port, timeout="2s"))
        await box.start()
        async with (
            readpoint("tail", "--channel", "epcis", "--config", box.site) as shown,
            readpoint("tail", "--json", "--channel", "epcis", "-n", "1", "--config", box.site) as first,
        ):
            code, out, said = await ended(first)
            assert (code, said) == (0, "")
            (event,) = [json.loads(line) for line in out.splitlines()]
            assert event["type"] == "readpoint.epcis.v1"
            assert shown.stdout is not None
            async with asyncio.timeout(BOUND):
                line = await shown.stdout.readline()
            assert b"aisle" in line
            assert await box.end() == 0
            code, _, said = await ended(shown)
            assert code == 1
            assert said.startswith("Error: rfid: the gateway stopped")


async def test_tail_ends_quietly_at_ctrl_c_and_when_its_reader_leaves(gateway: Start, broker: Mosquitto) -> None:
    async with reader(restless()) as device:
        box = gateway(broker, ZONES.format(port=device.port, timeout="2s"))
        await box.start()
        async with (
            readpoint("tail", "--config", box.site) as interrupted,
            readpoint("tail", "--config", box.site) as left,
        ):
            assert interrupted.stdout is not None
            assert left.stdout is not None
            async with asyncio.timeout(BOUND):
                await interrupted.stdout.readline()
                await left.stdout.readline()
            interrupted.send_signal(signal.SIGINT)
            assert (await ended(interrupted))[0] == 0
            transport: Any = left._transport
            transport.get_pipe_transport(1).close()
            assert left.stderr is not None
            async with asyncio.timeout(BOUND):
                assert await left.stderr.read() == b""
                assert await left.wait() == 0


def restless() -> Warehouse:
    """A floor with a tag that goes to and fro for minutes: there is always a next event."""
    warehouse, now = floor(), time.time()
    for step in range(400):
        warehouse.place(TAG, (12.0 * (step % 2), 1.0), now + step * 0.9)
    return warehouse


TWO = """\
version: 1
gateway: {{id: gw-07, site: dc1, state_dir: state, run_dir: run}}
segments:
  rfid: {{uplink: {{url: "mqtt://127.0.0.1:{port}", grace: 100ms}}}}
  yard: {{uplink: {{url: "mqtt://127.0.0.1:{port}", grace: 100ms}}}}
read_points: {{}}
devices: {{}}
"""


async def test_several_segments(tmp_path: Path, free_port: int) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(TWO.format(port=free_port))
    box = GatewayProcess(tmp_path, site)
    await box.start()
    try:
        code, out, said = await asked(box, "status", "--json")
        assert [json.loads(line)["segment"] for line in out.splitlines()] == ["rfid", "yard"]
        # No broker is there: that needs a person.
        assert code == 1
        code, _, said = await asked(box, "outbox", "list")
        assert code == 2
        assert "name one with --segment (rfid, yard)" in said
        assert (await asked(box, "outbox", "list", "--segment", "yard"))[0] == 0
        async with readpoint("run", site, "--segment", "yard") as second:
            code, _, said = await ended(second)
            assert (code, "is in use by process" in said) == (1, True)
        assert await box.end(signal.SIGKILL) == -signal.SIGKILL
        # Sockets without a gateway are left behind.
        code, out, said = await asked(box, "status")
        assert (code, out) == (1, "")
        assert [line.partition(":")[0] for line in said.splitlines()] == ["rfid", "yard"]
        assert (await asked(box, "outbox", "list", "--segment", "yard"))[0] == 0
    finally:
        await box.end(signal.SIGKILL)
