"""The host's clock is set while the gateway runs, or was never set: order, ids, retention and presence do not care.

The gateway alone has the wrong clock (libfaketime); readers, broker and centre have the right one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.outbox.inspect import stopped
from tests.brokers import MOSQUITTO, Mosquitto, Subscriber, subscriber
from tests.recording import accounts, arrived, turns
from tests.scenarios.conftest import BOUND, GatewayProcess, Start
from tests.scenarios.test_main_path import ZONES, alternating, reader, restless, transitions

FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)

pytestmark = [
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto"),
    pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed: apt-get install libfaketime"),
]


class Clock:
    """The clock of one process: `set` takes libfaketime's words, an offset or a time from which it goes on."""

    def __init__(self, folder: Path, says: str) -> None:
        self._file = folder / "faketime"
        self.set(says)

    def set(self, says: str) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(f"{says}\n")
        new.replace(self._file)

    def given_to(self, box: GatewayProcess) -> None:
        box.environment |= {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }


async def more(heard: Subscriber, events: int) -> None:
    enough = len(heard.ids) + events
    await heard.until(lambda: len(heard.ids) >= enough, BOUND)


async def unharmed(box: GatewayProcess, heard: Subscriber) -> list[str]:
    """End it: all accounted for, in order, nothing told twice, nothing thrown away. The clock's state in each event."""
    await box.until(lambda now: now.location.present == 40)
    assert await box.end() == 0
    folder = box.folder / "state" / "rfid"
    ledger = await accounts(folder, heard)
    assert turns(arrived(heard)) <= 2, "out of order inside a lane"
    assert alternating(transitions(heard))
    assert ledger.kept.keys() == ledger.delivered.keys(), "sent rows are kept, whatever the clock says"
    with stopped(folder) as outbox:
        return [json.loads(payload)["clock"] for payload in outbox.payloads()]


JUMPS = [("-1h", -3600), ("+1d", 90_000)]
"""What libfaketime is told, and by how many seconds that sets the clock."""


@pytest.mark.parametrize(
    "jumps",
    [
        pytest.param(JUMPS, id="once"),
        pytest.param(
            [*JUMPS, *([("+0", -86_400), ("-1h", -3600), ("+1d", 90_000)] * 10)],
            id="often",
            marks=[pytest.mark.soak, pytest.mark.timeout(1800)],
        ),
    ],
)
async def test_a_clock_that_jumps_changes_neither_order_nor_presence(
    gateway: Start, broker: Mosquitto, tmp_path: Path, jumps: list[tuple[str, int]]
) -> None:
    warehouse = restless(steps=600)
    async with reader(warehouse) as device:
        with subscriber(broker) as heard:
            box = gateway(broker, ZONES.format(port=device.port, timeout="20s"))
            box.site.write_text(box.site.read_text().replace("uplink:", "outbox: {keep_sent: 2h}\n    uplink:"))
            clock = Clock(tmp_path, "+0")
            clock.given_to(box)
            await box.start()
            await more(heard, 20)
            for says, seconds in jumps:
                said = f"present seconds={seconds}\n"
                times = box.log.read_text().count(said)
                clock.set(says)
                await box.logs(said, times + 1)
                await more(heard, 20)
            await unharmed(box, heard)
    told = transitions(heard)
    print(f"{len(jumps)} clock jumps: {len(told)} transitions in order, each once")
    assert {what for what, _, _ in told} == {"arrived", "moved"}


async def test_a_clock_that_was_never_set_costs_nothing(
    gateway: Start, mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    """1970 at boot: recording goes on and says so; then a time service sets it."""
    broker = mosquitto()
    broker.start()
    warehouse = restless(steps=600)
    async with reader(warehouse) as device:
        with subscriber(broker) as heard:
            box = gateway(broker, ZONES.format(port=device.port, timeout="20s"))
            clock = Clock(tmp_path, "@1970-01-02 00:00:10")
            clock.given_to(box)
            await box.start()
            await more(heard, 20)
            clock.set("+0")
            await box.logs("the host's clock was set")
            await more(heard, 20)
            clocks = await unharmed(box, heard)
    first = clocks.index(next(one for one in clocks if one != "unset"))
    assert set(clocks[:first]) == {"unset"}
    assert "unset" not in clocks[first:]
    print(f"1970 at boot: {first} events with clock unset, then {len(clocks) - first} with it set")
