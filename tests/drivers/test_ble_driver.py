"""The driver through bleak itself, on a bus of our own, with the BlueZ that python-dbusmock plays."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from drivers.ble.driver import BleDriver
from drivers.ble.settings import PortSettings, Settings
from drivers.contract import Context, Disconnected, Measurement, Observation, Read, Rejected, Status, Unreachable
from simulators.ble_tags.bluez import SimulatedBlueZ, simulated_bluez
from simulators.ble_tags.bus import Missing
from simulators.ble_tags.payloads import Payload, eddystone_tlm, eddystone_uid, ibeacon, phone, ruuvi
from tests.driving import BOUND, Watched, reopened

PROXIMITY = uuid.UUID("e2c56db5-dffb-48d2-b060-d0f5a71096e0")
URI = f"urn:readpoint:ibeacon:{PROXIMITY}:1:2"
TAG, RUUVI, PHONE = "AC:23:3F:A0:00:01", "CB:B8:33:4C:88:4F", "5F:CA:FE:00:00:01"
BEACON = ibeacon(PROXIMITY, 1, 2)


@pytest.fixture
async def bluez(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SimulatedBlueZ]:
    """Two adapters; bleak finds this bus by the variable that D-Bus itself defines."""
    try:
        async with simulated_bluez(("hci0", "hci1")) as simulated:
            monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", simulated.address)
            yield simulated
    except Missing as lacking:
        pytest.skip(str(lacking))


def driver(*ports: str, **settings: object) -> BleDriver:
    context = Context(
        "beacons", secret={"${env:KEY}": "231d39c1d7cc1ab1aee224cd096db932", "${env:BAD}": "x"}.__getitem__
    )
    return BleDriver(Settings(**settings), {port: PortSettings() for port in ports}, context)


def reads(seen: list[Observation], uri: str = URI) -> list[Read]:
    return [one for one in seen if isinstance(one, Read) and one.value.decode() == uri]


def states(seen: list[Observation]) -> list[tuple[object, str]]:
    return [(one.antenna, one.state) for one in seen if isinstance(one, Status)]


async def test_an_adapter_hears_tags_and_their_values(bluez: SimulatedBlueZ) -> None:
    watched = Watched(driver())
    await watched.until(lambda seen: seen)
    assert states(watched.seen) == [(None, "online")]
    before = time.time()
    await bluez.advertise("hci0", TAG, BEACON, -61)
    await bluez.advertise("hci0", TAG, BEACON, -62)
    await bluez.advertise("hci0", PHONE, phone(), -40, random=True)
    await bluez.advertise("hci0", RUUVI, ruuvi(RUUVI, 21.5, 40.0), -70, random=True)
    await watched.until(lambda seen: len(reads(seen)) >= 2 and reads(seen, "urn:readpoint:ble:cbb8334c884f"))
    assert [read.rssi for read in reads(watched.seen)][:2] == [-61, -62]
    assert {read.antenna for read in watched.seen if isinstance(read, Read)} == {None}
    assert before <= reads(watched.seen)[0].time <= time.time()
    warm = [one for one in watched.seen if isinstance(one, Measurement) and one.point.endswith("4f/temperature")]
    assert (warm[0].value, warm[0].uom) == (21.5, "CEL")
    assert {one.value.decode() for one in watched.seen if isinstance(one, Read)} == {
        URI,
        "urn:readpoint:ble:cbb8334c884f",
    }
    await watched.stop()
    assert not await bluez.discovering("hci0")
    assert not {"Connect", "Pair"} & set(await bluez.calls("hci0"))


async def test_telemetry_in_turn_with_the_name_through_bluez(bluez: SimulatedBlueZ) -> None:
    watched = Watched(driver(formats=["eddystone"]))
    await watched.until(lambda seen: seen)
    await bluez.advertise("hci0", TAG, eddystone_uid(b"0123456789", b"tag-01"), -61)
    await bluez.advertise("hci0", TAG, eddystone_tlm(2900, 19.5), -61)
    await watched.until(lambda seen: any(isinstance(one, Measurement) and one.value == 19.5 for one in seen))
    await watched.stop()


async def test_several_adapters_are_antennas(bluez: SimulatedBlueZ) -> None:
    watched = Watched(driver("hci0", "hci1"))
    await watched.until(lambda seen: seen)
    await bluez.advertise("hci0", TAG, BEACON, -61)
    await bluez.advertise("hci1", TAG, BEACON, -75)
    await watched.until(lambda seen: {read.antenna for read in reads(seen)} == {"hci0", "hci1"})
    await watched.stop()


async def test_one_adapter_missing_costs_the_other_nothing(bluez: SimulatedBlueZ) -> None:
    watched = Watched(driver("hci0", "hci7"))
    await watched.until(lambda seen: ("hci7", "offline") in states(seen))
    assert states(watched.seen)[0] == (None, "online")
    await bluez.advertise("hci0", TAG, BEACON, -61)
    await watched.until(reads)
    await bluez.plug("hci7")
    await watched.until(lambda seen: ("hci7", "online") in states(seen))
    await bluez.advertise("hci7", TAG, BEACON, -61)
    await watched.until(lambda seen: {read.antenna for read in reads(seen)} == {"hci0", "hci7"})
    await watched.stop()


async def test_an_adapter_that_is_not_there(bluez: SimulatedBlueZ) -> None:
    with pytest.raises(Unreachable, match=r"no adapter hci7.*bluetoothctl list"):
        async with driver(adapter="hci7").open():
            pass


async def test_no_bus_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/bus")
    with pytest.raises(Unreachable, match="D-Bus"):
        async with driver().open():
            pass


async def test_passive_falls_back_to_active_and_says_why(bluez: SimulatedBlueZ) -> None:
    watched = Watched(driver(scanning="passive", formats=["ibeacon"]))
    await watched.until(lambda seen: seen)
    first = watched.seen[0]
    assert isinstance(first, Status)
    assert first.state == "degraded"
    assert "--experimental" in first.cause
    await bluez.advertise("hci0", RUUVI, ruuvi(RUUVI, 21.5, 40.0), -70, random=True)
    await bluez.advertise("hci0", TAG, BEACON, -61)
    await watched.until(reads)
    assert not reads(watched.seen, "urn:readpoint:ble:cbb8334c884f"), "what BlueZ lets through is filtered again"
    await watched.stop()


async def test_a_passive_scan_asks_for_nothing_and_lets_go(bluez: SimulatedBlueZ) -> None:
    await bluez.experimental("hci0")
    watched = Watched(driver(scanning="passive", formats=["ibeacon"], names=["P ID *"]))
    await watched.until(lambda seen: seen)
    assert states(watched.seen) == [(None, "online")]
    await bluez.advertise("hci0", TAG, BEACON, -61)
    await watched.until(reads)
    await watched.stop()
    called = await bluez.calls("hci0")
    assert [name for name in called if name != "Get"] == ["RegisterMonitor", "UnregisterMonitor"]


async def test_bluetoothd_dies_and_returns(bluez: SimulatedBlueZ) -> None:
    watched = Watched(driver(silence="500ms"))
    await watched.until(lambda seen: seen)
    await bluez.advertise("hci0", TAG, BEACON, -61)
    await watched.until(reads)
    await bluez.kill()
    error = await watched.failure()
    assert isinstance(error, Disconnected)
    assert "systemctl start bluetooth" in str(error)
    assert (None, "offline") in states(watched.seen)
    await bluez.start()
    again = Watched(driver(silence="500ms"))
    await again.until(lambda seen: seen)
    await bluez.advertise("hci0", TAG, BEACON, -63)
    await again.until(reads)
    await again.stop()


async def test_a_deaf_scanner_is_built_anew(bluez: SimulatedBlueZ) -> None:
    """bluetoothd restarted within the silence: nobody tells the scanner, and stopping it fails."""
    watched = Watched(driver(silence="6s"))
    await watched.until(lambda seen: seen)
    await bluez.advertise("hci0", TAG, BEACON, -61)
    await watched.until(reads)
    await bluez.kill()
    await bluez.start()
    assert not await bluez.discovering("hci0")
    await watched.until(lambda seen: states(seen)[-2:] == [(None, "offline"), (None, "online")])
    assert await bluez.discovering("hci0")
    await bluez.advertise("hci0", TAG, BEACON, -62)
    await watched.until(lambda seen: any(read.rssi == -62 for read in reads(seen)))
    await watched.stop()


async def test_what_bleak_remembers_of_strangers_is_bounded(bluez: SimulatedBlueZ) -> None:
    """A crowd that BlueZ never drops: the scanner is built anew, and bleak's memory with it."""
    watched = Watched(driver(silence="4s", max_tags=100))
    await watched.until(lambda seen: seen)
    for stranger in range(250):
        await bluez.shout("hci0", f"5F:CA:FE:00:00:{stranger:02X}", phone(), -60, forget=False)
        if stranger % 20 == 0:
            await asyncio.sleep(0.01)
    async with asyncio.timeout(BOUND):
        while (await bluez.calls("hci0")).count("StartDiscovery") < 2:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    await bluez.advertise("hci0", TAG, BEACON, -61)
    await watched.until(reads)
    await watched.stop()


async def test_encrypted_tags_by_a_key_that_is_named(bluez: SimulatedBlueZ) -> None:
    """bthome.io/encryption, the worked example."""
    watched = Watched(driver(formats=["bthome"], keys={"54:48:E6:8F:80:A5": "${env:KEY}"}))
    await watched.until(lambda seen: seen)
    secret = Payload(service={0xFCD2: bytes.fromhex("41a47266c95f730011223378237214")})
    await bluez.advertise("hci0", "54:48:E6:8F:80:A5", secret, -61)
    await watched.until(lambda seen: any(isinstance(one, Measurement) and one.value == 25.06 for one in seen))
    await watched.stop()


async def test_a_key_that_is_none_is_refused_by_its_name() -> None:
    with pytest.raises(Rejected, match=r"\$\{env:BAD\}.*32 hex digits"):
        async with driver(keys={"54:48:E6:8F:80:A5": "${env:BAD}"}).open():
            pass


async def test_cancelled_anywhere_it_lets_go_and_opens_again(bluez: SimulatedBlueZ) -> None:
    for delay in (0.0, 0.001, 0.003, 0.01, 0.03):
        watched = Watched(driver())
        await asyncio.sleep(delay)
        with suppress(Unreachable):  # bleak's own connection to the bus may have been cut in the making
            await watched.stop()
    again = await reopened(driver())
    assert await bluez.discovering("hci0")
    await again.stop()
    assert not await bluez.discovering("hci0")
