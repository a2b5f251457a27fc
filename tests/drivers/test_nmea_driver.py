"""The driver on its real lines, against the simulated receiver; and what the gateway makes of a drive."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from drivers.contract import Context, Read, Signal, Status, Unreachable
from drivers.lines import format_line
from drivers.nmea.driver import NmeaDriver
from drivers.nmea.settings import PortSettings, Settings
from gateway.config.load import load
from gateway.identity.resolve import Resolver
from gateway.location.engine import Engine
from gateway.model import Port, ReadPoint, Rules, Transition
from gateway.replay import replay
from simulators.gps.lines import SerialLine, TcpLine
from simulators.gps.receiver import Behaviour, Receiver, driving
from simulators.gps.route import Route
from tests.drivers.test_nmea_fences import YARD, offset, square
from tests.driving import BOUND, Watched, reads, states, until

TRUCK = "urn:epc:id:giai:9521141.truck12"
SETTINGS = {"object": TRUCK, "fix_timeout": "2s", "silence": "4s", "connect_timeout": "5s"}
PORTS = {
    name: PortSettings.model_validate({"polygon": drawn})
    for name, drawn in {"f1": square(100.0), "f2": square(100.0, east=100.0)}.items()
}


@asynccontextmanager
async def served(**behaviour: float) -> AsyncIterator[tuple[Receiver, NmeaDriver]]:
    """A receiver in the middle of nowhere, 25 positions a second, by TCP; and its driver."""
    line = TcpLine("127.0.0.1")
    how = Behaviour(**{"rate": 25.0, **behaviour})  # type: ignore[arg-type]
    async with driving(Route([YARD], speed=1.0), line, how) as receiver:
        receiver.place = offset(YARD, -500, 50)
        settings = Settings.model_validate({**SETTINGS, "url": str(line)})
        yield receiver, NmeaDriver(settings, PORTS, Context("truck"))


SITE = """\
version: 1
gateway: {{id: gw-1, site: lab}}
segments: {{yard: {{uplink: {{url: "mqtt://127.0.0.1"}}}}}}
read_points:
  z1: {{uri: "urn:test:z1", kind: zone, dwell: 100ms}}
  z2: {{uri: "urn:test:z2", kind: zone, dwell: 100ms}}
devices:
  truck:
    driver: nmea
    segment: yard
    url: tcp://127.0.0.1:10110
    object: {truck}
    antennas: {{f1: {{read_point: z1, polygon: {f1}}}, f2: {{read_point: z2, polygon: {f2}}}}}
"""


def decided(watched: Watched) -> list[Transition]:
    """What the rule of zones says of all that was seen, each at its own time; nothing by time-out."""
    points = {name: ReadPoint(name, f"urn:test:{name}", "zone", dwell=0.1) for name in ("z1", "z2")}
    rules = Rules(points, (Port("truck", "f1", "z1"), Port("truck", "f2", "z2")))
    engine = Engine(rules, Resolver().resolve, assume_online=False)
    out = []
    for one in watched.seen:
        out += engine.feed("truck", (one,), max(one.time, getattr(one, "received", None) or 0.0))
    out += engine.advance(time.time()) + engine.finish()
    return [outcome.transition for outcome in out if outcome.transition is not None]


def last_signal(watched: Watched, name: str) -> object:
    return next((one.value for one in reversed(watched.seen) if isinstance(one, Signal) and one.name == name), None)


async def test_a_drive_through_two_fences_is_arrived_moved_departed_without_any_time_out() -> None:
    async with served() as (receiver, driver):
        watched = Watched(driver)
        await watched.until(lambda _: last_signal(watched, "f1") is False)
        receiver.place = offset(YARD, 50, 50)
        await watched.until(lambda seen: sum(one.antenna == "f1" for one in reads(seen)) >= 3)
        receiver.place = offset(YARD, 150, 50)
        await watched.until(lambda _: last_signal(watched, "f1") is False)
        receiver.place = offset(YARD, 500, 50)
        await watched.until(lambda _: last_signal(watched, "f2") is False)
        await watched.stop()
    events = decided(watched)
    assert [(one.kind, one.read_point, one.origin) for one in events] == [
        ("arrived", "z1", None),
        ("moved", "z2", "z1"),
        ("departed", "z2", None),
    ]
    assert {one.object.uri for one in events} == {TRUCK}
    assert events[2].decided - events[2].time < 10.0  # the presence time-out is 30 s
    times = [one.time for one in events]
    assert times == sorted(times)


async def test_a_recorded_drive_is_decided_the_same(tmp_path: Path) -> None:
    corners = {name: [list(corner) for corner in port.polygon] for name, port in PORTS.items()}
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(f1=corners["f1"], f2=corners["f2"], truck=TRUCK))
    async with served() as (receiver, driver):
        receiver.place = offset(YARD, 50, 50)
        watched = Watched(driver)
        await watched.until(lambda seen: sum(one.antenna == "f1" for one in reads(seen)) >= 3)
        receiver.fixed = False
        await watched.until(lambda seen: ("f1", "offline") in states(seen))
        receiver.place, receiver.fixed = offset(YARD, 500, 50), True
        await watched.until(lambda _: last_signal(watched, "f1") is False)
        await watched.stop()
    lines = [
        format_line("truck", one, getattr(one, "received", None))
        for one in watched.seen
        if isinstance(one, Read | Signal | Status)
    ]
    said = [json.loads(line)["data"]["readpoint:observation"] for line in replay(load(path).site, lines)]
    assert [(one["transition"], one.get("reason")) for one in said] == [
        (one.kind, one.reason) for one in decided(watched)
    ]
    assert [one["transition"] for one in said] == ["arrived", "departed"]


async def test_a_vehicle_that_loses_its_fix_stays_where_it_was() -> None:
    async with served() as (receiver, driver):
        receiver.place = offset(YARD, 50, 50)
        watched = Watched(driver)
        await watched.until(lambda _: last_signal(watched, "f1") is True)
        receiver.fixed = False
        await watched.until(lambda seen: ("f1", "offline") in states(seen))
        receiver.place, before = offset(YARD, 500, 50), len(watched.seen)
        receiver.fixed = True
        await watched.until(lambda _: last_signal(watched, "f1") is False)
        await watched.stop()
    assert states(watched.seen[before:])[0] == (None, "online")
    assert not any(isinstance(one, Read) for one in watched.seen[before:])
    assert [(one.kind, one.reason) for one in decided(watched)] == [("arrived", None), ("departed", "unobserved")]


async def test_damaged_sentences_and_garbage_cost_nothing_but_themselves() -> None:
    async with served(damage=0.3, noise=0.3) as (receiver, driver):
        receiver.place = offset(YARD, 50, 50)
        watched = Watched(driver)
        await watched.until(lambda seen: sum(isinstance(one, Read) for one in seen) >= 3)
        await watched.until(lambda seen: (None, "degraded") in states(seen))
        receiver.place = offset(YARD, 500, 50)
        await watched.until(lambda _: last_signal(watched, "f1") is False)
        await watched.stop()
    assert [one.kind for one in decided(watched)] == ["arrived", "departed"]


async def test_a_port_that_comes_back_under_its_name_is_read_again(tmp_path: Path) -> None:
    line = SerialLine(tmp_path / "usb-u-blox")
    async with driving(Route([YARD], speed=1.0), line, Behaviour(rate=25.0)) as receiver:
        receiver.place = offset(YARD, 50, 50)
        driver = NmeaDriver(Settings.model_validate({**SETTINGS, "port": str(line.path)}), PORTS, Context("truck"))
        watched = Watched(driver)
        await watched.until(lambda _: last_signal(watched, "f1") is True)
        await line.unplug()
        assert "unplugged" in str(await watched.failure())
        assert "there is no serial port" in str(await Watched(driver).failure())
        await line.plug()
        again = Watched(driver)
        await again.until(lambda _: last_signal(again, "f1") is True)
        await again.stop()
        await until(lambda: not line.busy)


async def test_a_port_is_ours_alone(tmp_path: Path) -> None:
    line = SerialLine(tmp_path / "gps")
    settings = Settings.model_validate({**SETTINGS, "port": str(line.path)})
    async with driving(Route([YARD], speed=1.0), line, Behaviour(rate=25.0)):
        first = Watched(NmeaDriver(settings, {}, Context("truck")))
        await first.until(states)
        assert "in use" in str(await Watched(NmeaDriver(settings, {}, Context("other"))).failure())
        await first.stop()


async def test_a_port_that_speaks_something_else_is_named_with_its_bytes() -> None:
    ended = asyncio.Event()

    async def chatter(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while not writer.is_closing():
                writer.write(b"\xb5\x62\x01\x07\r\n")
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.close()
        ended.set()

    server = await asyncio.start_server(chatter, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        settings = Settings.model_validate({**SETTINGS, "url": f"tcp://127.0.0.1:{port}", "silence": "1s"})
        failure = await Watched(NmeaDriver(settings, {}, Context("truck"))).failure()
        async with asyncio.timeout(BOUND):
            await ended.wait()
    assert isinstance(failure, Unreachable)
    assert "b5 62 01 07" in str(failure)
    assert "baud rate" in str(failure)


@pytest.mark.parametrize("haste", [1.0, 1000.0])
def test_a_route_is_driven_at_its_speed(haste: float) -> None:
    route = Route([YARD, offset(YARD, 100, 0), offset(YARD, 100, 50)], speed=10.0, wait=5.0)
    start, middle, standing, north = (route.at(seconds) for seconds in (0.0, 5.0, 12.0, 17.5))
    assert (start.course, start.speed) == (pytest.approx(90.0), 10.0)
    assert (middle.latitude, middle.longitude) == pytest.approx(offset(YARD, 50, 0))
    assert (standing.speed, standing.course) == (0.0, pytest.approx(90.0))
    assert north.course == pytest.approx(0.0, abs=0.01)
    assert route.at(route.lasts * haste)[:2] == pytest.approx(start[:2], abs=1e-6)
