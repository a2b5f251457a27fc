"""The LLRP driver against the simulated reader, over real TCP: reads, faults, outages, cancellation."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest

from drivers.contract import (
    Context,
    Disconnected,
    DriverError,
    ProtocolViolation,
    Rejected,
    Signal,
    Status,
    Unreachable,
)
from drivers.llrp.driver import LlrpDriver
from drivers.llrp.settings import PortSettings, Settings
from simulators.air import Heard, Shelf, Silence
from simulators.llrp_reader.options import ReaderOptions
from simulators.llrp_reader.server import LlrpReader
from tests.driving import BOUND, Numbered, Watched, reads, reopened, states, until

TAGS = [Heard(bytes.fromhex("3034257bf7194e40") + number.to_bytes(4), -55.0, 90.0) for number in range(3)]
TICK = {"keepalive": "1s", "connect_timeout": "5s", "response_timeout": "5s"}


def driver_for(reader: LlrpReader, ports: dict[Any, PortSettings] | None = None, **given: Any) -> LlrpDriver:
    settings = Settings.model_validate({"host": "127.0.0.1", "port": reader.port, **TICK, **given})
    return LlrpDriver(settings, ports or {}, Context("dock"))


@pytest.mark.parametrize("family", ["impinj-speedway", "impinj-r700", "zebra-fx", "plain"])
async def test_every_family_is_read_with_all_it_can_tell(family: Any) -> None:
    impinj = family.startswith("impinj")
    extras = {"phase": True, "doppler": True, "fine_rssi": True} if impinj else {}
    tagged = [tag._replace(tid=b"\xe2\x80\x11\x05" + bytes(8)) for tag in TAGS]
    async with LlrpReader(ReaderOptions(family=family, antennas=2), Shelf(tagged)) as reader:
        watched = Watched(driver_for(reader, {2: PortSettings(power_dbm=20.0)}, tid=True, **extras))
        await watched.until(lambda seen: {read.value for read in reads(seen)} == {tag.epc for tag in TAGS})
        await watched.stop()
    read = reads(watched.seen)[0]
    assert (read.scheme, read.antenna, read.pc) == ("epc", 2, 0x3000)
    assert read.tid is not None
    assert read.tid[:4] == b"\xe2\x80\x11\x05"
    assert abs(read.time - time.time()) < BOUND
    assert (read.phase is not None) == impinj
    assert (None, "online") in states(watched.seen)


@pytest.mark.parametrize("clock", ["right", "year 2000", "uptime"])
@pytest.mark.parametrize("outage", ["link", "process"])
async def test_held_reads_keep_their_times_and_nothing_is_missing(clock: str, outage: str) -> None:
    air = Numbered()
    options = ReaderOptions(family="zebra-fx", antennas=1, utc=clock != "uptime")
    async with LlrpReader(options, air) as reader:
        if clock == "year 2000":
            reader.faults.clock("2000-01-01")
        driver = driver_for(reader)
        before = Watched(driver)
        await before.until(lambda seen: len(reads(seen)) > 3)
        if outage == "link":
            reader.faults.disconnect(after=0.5)
            assert isinstance(await before.failure(), Disconnected)
        else:
            await before.stop()
            driver = driver_for(reader)
        missed = len(air.heard) + 4
        await until(lambda: len(air.heard) > missed)
        after = await reopened(driver)
        await after.until(lambda seen: len(air.heard) > missed + 8 and len(reads(seen)) > 8)
        await after.stop()
    late = {read.value: read.time - air.heard[read.value] for read in reads(before.seen + after.seen)}
    assert max(map(abs, late.values())) <= 0.05
    numbers = sorted(int.from_bytes(value[1:]) for value in late)
    if outage == "link":
        assert numbers == list(range(numbers[-1] + 1))
    online = next(one for one in after.seen if isinstance(one, Status))
    assert "held its reports" in online.cause
    assert after.seen.index(online) >= 4
    assert online.time <= reads(after.seen)[0].time + 0.05


async def test_held_reports_that_ran_over_leave_a_gap() -> None:
    options = ReaderOptions(family="zebra-fx", antennas=1, buffer=5)
    air = Numbered()
    async with LlrpReader(options, air) as reader:
        driver = driver_for(reader)
        before = Watched(driver)
        await before.until(reads)
        reader.faults.disconnect(after=0.3)
        await before.failure()
        many = len(air.heard) + 10
        await until(lambda: len(air.heard) > many)
        after = await reopened(driver)
        await after.until(lambda seen: (None, "degraded") in states(seen))
        await after.stop()
    online = next(one for one in after.seen if isinstance(one, Status))
    assert online.cause == "inventory runs"
    assert any("ran over" in one.cause for one in after.seen if isinstance(one, Status))


async def test_without_holding_the_gap_is_unobserved() -> None:
    async with LlrpReader(ReaderOptions(family="plain"), Shelf(TAGS)) as reader:
        driver = driver_for(reader)
        before = Watched(driver)
        await before.until(reads)
        reader.faults.disconnect(after=0.1)
        await before.failure()
        offline = before.seen[-1]
        assert isinstance(offline, Status)
        assert offline.state == "offline"
        after = await reopened(driver)
        await after.until(lambda seen: (None, "online") in states(seen))
        online = next(one for one in after.seen if isinstance(one, Status) and one.state == "online")
        assert online.time > offline.time
        await after.stop()


@pytest.mark.parametrize("fault", ["silence", "half_open", "keepalive_off"])
async def test_two_missed_keepalives_end_it(fault: str) -> None:
    async with LlrpReader(ReaderOptions(), Silence()) as reader:
        watched = Watched(driver_for(reader))
        await watched.until(lambda seen: (None, "online") in states(seen))
        getattr(reader.faults, fault)()
        failure = await watched.failure()
    assert isinstance(failure, Disconnected)
    assert "silent" in str(failure)


async def test_a_second_client_is_told_and_let_in_later() -> None:
    async with LlrpReader(ReaderOptions(), Shelf(TAGS)) as reader:
        first, second = driver_for(reader), driver_for(reader)
        holder = Watched(first)
        await holder.until(reads)
        refused = await Watched(second).failure()
        assert isinstance(refused, Unreachable)
        assert "another client" in str(refused)
        await holder.stop()
        successor = Watched(second)
        await successor.until(reads)
        await successor.stop()


@pytest.mark.parametrize(
    ("fault", "failure"), [("garbage", ProtocolViolation), ("truncate", Disconnected), ("restart", Disconnected)]
)
async def test_what_breaks_the_link_is_a_driver_error_and_heals(fault: str, failure: type[DriverError]) -> None:
    async with LlrpReader(ReaderOptions(), Shelf(TAGS)) as reader:
        driver = driver_for(reader)
        watched = Watched(driver)
        await watched.until(reads)
        getattr(reader.faults, fault)()
        assert isinstance(await watched.failure(), failure)
        again = await reopened(driver)
        await again.until(lambda seen: reads(seen) and (None, "online") in states(seen))
        await again.stop()


async def test_split_and_unknown_frames_cost_nothing() -> None:
    async with LlrpReader(ReaderOptions(), Shelf(TAGS)) as reader:
        reader.faults.split(1)
        watched = Watched(driver_for(reader))
        await watched.until(reads)
        reader.faults.unknown_message()
        sofar = len(watched.seen)
        await watched.until(lambda seen: len(reads(seen[sofar:])) > 3)
        await watched.stop()
    assert (None, "degraded") not in states(watched.seen)


async def test_a_flood_is_taken_in_whole_batches() -> None:
    async with LlrpReader(ReaderOptions(), Shelf(TAGS)) as reader:
        watched = Watched(driver_for(reader))
        await watched.until(reads)
        reader.faults.flood(20_000)
        await watched.until(lambda seen: len(seen) > 10_000)
        await watched.stop()


async def test_inputs_and_antennas() -> None:
    async with LlrpReader(ReaderOptions(antennas=2), Shelf(TAGS)) as reader:
        watched = Watched(driver_for(reader))
        await watched.until(reads)
        assert {one.name: one.value for one in watched.seen if isinstance(one, Signal)} == dict.fromkeys(
            ("gpi1", "gpi2", "gpi3", "gpi4"), False
        )
        reader.set_gpi(2, True)
        await watched.until(
            lambda seen: ("gpi2", True) in [(one.name, one.value) for one in seen if isinstance(one, Signal)]
        )
        reader.faults.antenna(1, False)
        await watched.until(lambda seen: (1, "offline") in states(seen))
        reader.faults.antenna(1, True)
        await watched.until(lambda seen: (1, "online") in states(seen))
        await watched.stop()


async def test_an_input_starts_and_stops_the_inventory() -> None:
    async with LlrpReader(ReaderOptions(), Shelf(TAGS)) as reader:
        watched = Watched(driver_for(reader, start={"gpi": {"port": 1}}))
        await watched.until(lambda seen: states(seen) == [(None, "stopped")])
        reader.set_gpi(1, True)
        await watched.until(reads)
        reader.set_gpi(1, False)
        await watched.until(lambda seen: states(seen)[-1] == (None, "stopped"))
        await watched.stop()
    assert (None, "online") in states(watched.seen)


async def test_an_input_that_has_turned_already_starts_the_inventory() -> None:
    async with LlrpReader(ReaderOptions(), Shelf(TAGS)) as reader:
        reader.set_gpi(1, True)
        watched = Watched(driver_for(reader, start={"gpi": {"port": 1}}))
        await watched.until(reads)
        assert states(watched.seen)[-1] == (None, "online")
        reader.set_gpi(1, False)
        await watched.until(lambda seen: states(seen)[-1] == (None, "stopped"))
        await watched.stop()


async def test_reports_by_interval() -> None:
    async with LlrpReader(ReaderOptions(), Shelf(TAGS)) as reader:
        watched = Watched(driver_for(reader, report={"tags": 0, "interval": "100ms"}))
        await watched.until(lambda seen: len(reads(seen)) > len(TAGS))
        await watched.stop()


async def test_a_filter_keeps_tags_out() -> None:
    async with LlrpReader(ReaderOptions(), Shelf(TAGS)) as reader:
        masks = [{"mask": TAGS[1].epc.hex()}]
        watched = Watched(driver_for(reader, filters=masks))
        await watched.until(lambda seen: len(reads(seen)) > 5)
        await watched.stop()
    assert {read.value for read in reads(watched.seen)} == {TAGS[1].epc}


async def test_what_the_reader_cannot_do_is_said_on_entering() -> None:
    async with LlrpReader(ReaderOptions(family="plain"), Silence()) as reader:
        failure = await Watched(driver_for(reader, {1: PortSettings(power_dbm=40.0)}, phase=True)).failure()
    assert isinstance(failure, Rejected)
    assert "antennas.1.power_dbm: 40 dBm" in str(failure)
    assert "phase" in str(failure)


async def test_nobody_there(free_port: int) -> None:
    settings = Settings.model_validate({"host": "127.0.0.1", "port": free_port, **TICK})
    failure = await Watched(LlrpDriver(settings, {}, Context("dock"))).failure()
    assert isinstance(failure, Unreachable)
    assert f"127.0.0.1:{free_port}" in str(failure)
    assert "LLRP enabled" in str(failure)


async def test_an_unknown_interface_is_said(free_port: int) -> None:
    settings = Settings.model_validate({"host": "127.0.0.1", "port": free_port, **TICK})
    failure = await Watched(LlrpDriver(settings, {}, Context("dock", interface="nosuch0"))).failure()
    assert isinstance(failure, Unreachable)
    assert "nosuch0" in str(failure)


async def test_the_socket_is_bound_to_the_interface() -> None:
    async with LlrpReader(ReaderOptions(), Shelf(TAGS)) as reader:
        settings = Settings.model_validate({"host": "127.0.0.1", "port": reader.port, **TICK})
        watched = Watched(LlrpDriver(settings, {}, Context("dock", interface="lo")))
        await watched.until(reads)
        await watched.stop()


@pytest.mark.parametrize("host", ["no such name", "x" * 80])
async def test_a_name_nobody_knows_is_said(host: str) -> None:
    failure = await Watched(LlrpDriver(Settings(host=host), {}, Context("dock"))).failure()
    assert isinstance(failure, Unreachable)
    assert "is not known" in str(failure)


async def test_cancelled_after_any_step_the_reader_is_free_again() -> None:
    async with LlrpReader(ReaderOptions(), Shelf(TAGS)) as reader:
        driver = driver_for(reader)
        for steps in range(1, 80):
            watched = Watched(driver)
            for _ in range(steps):
                await asyncio.sleep(0)
            await watched.stop()
            await until(lambda: not reader.connected)
        watched = Watched(driver)
        await watched.until(reads)
        await watched.stop()
        await until(lambda: not reader.connected)


@pytest.mark.parametrize("secure", ["", "tls"], ids=["waiting for the greeting", "waiting for TLS"])
async def test_cancelled_while_a_reader_is_silent_the_socket_is_closed(secure: str) -> None:
    came, left = asyncio.Event(), asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        with suppress(OSError):
            while await reader.read(1024):
                pass
        left.set()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        pinned = {"tls": {"fingerprint": "00" * 32}} if secure else {}
        settings = Settings.model_validate({"host": "127.0.0.1", "port": port, "connect_timeout": "60s", **pinned})
        watched = Watched(LlrpDriver(settings, {}, Context("dock")))
        async with asyncio.timeout(BOUND):
            await came.wait()
            await watched.stop()
            await left.wait()


async def test_a_port_that_does_not_greet_is_said() -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        settings = Settings.model_validate({"host": "127.0.0.1", "port": port, "connect_timeout": "200ms"})
        failure = await Watched(LlrpDriver(settings, {}, Context("dock"))).failure()
    assert isinstance(failure, Unreachable)
    assert "did not greet" in str(failure)
