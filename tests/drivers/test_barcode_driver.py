"""The driver on real lines: a pseudo terminal as a USB port, and TCP; unplugged, locked, acknowledged."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from drivers import serial_ports
from drivers.barcode.driver import BarcodeDriver, framing
from drivers.barcode.framing import Framing
from drivers.barcode.settings import PortSettings, Settings
from drivers.contract import Antenna, Batch, Context, Disconnected, Read, Unreachable
from simulators.barcode_scanner.scanner import Scanner
from tests.driving import BOUND, Watched, reads, reopened, states, until

GTIN = b"]C10109521141123454\x1d10 A"


def driver(port: str, guns: tuple[Antenna, ...] = (), **settings: Any) -> BarcodeDriver:
    given = Settings.model_validate({"port": port, "fault_interval": "200ms", "connect_timeout": "1s", **settings})
    return BarcodeDriver(given, {gun: PortSettings() for gun in guns}, Context("belt-scanner"))


@pytest.fixture(params=["serial port", "TCP"])
def line(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Scanner]:
    """Makes a simulated scanner on that kind of line."""
    where = {"path": tmp_path / "by-id" / "usb-scanner"} if request.param == "serial port" else {}
    return lambda *args, **options: Scanner(*args, **where, **options)


async def begun(scanner: Scanner, scanning: BarcodeDriver) -> Watched:
    """The driver has the line, and the scanner knows."""
    watched = Watched(scanning)
    await watched.until(len)
    await until(lambda: scanner.line.busy)
    return watched


async def heard(watched: Watched, *values: bytes) -> None:
    await watched.until(lambda seen: [one.value for one in reads(seen)] == list(values))


async def test_scans_arrive_as_they_were_however_slowly_they_are_typed(line: Callable[..., Scanner]) -> None:
    async with line(speed=2000.0) as scanner:
        watched = await begun(scanner, driver(scanner.port))
        assert states(watched.seen) == [(None, "online")]
        await scanner.scan(GTIN)
        await scanner.scan(b" 9521141123454 ")
        await heard(watched, GTIN, b" 9521141123454 ")
        await watched.stop()
        await until(lambda: not scanner.line.busy)


async def test_a_scan_is_acknowledged_when_it_is_stored_and_not_before(line: Callable[..., Scanner]) -> None:
    async with (
        line(ack=b"\x06", patience=BOUND) as scanner,
        asyncio.timeout(BOUND),
        driver(scanner.port, ack="ACK").open() as batches,
    ):
        first = await anext(batches)
        assert first.stored is None
        await until(lambda: scanner.line.busy)
        scan = asyncio.create_task(scanner.scan(GTIN))
        batch = await anext(batches)
        assert batch.stored is not None
        # The link has been served since the scan came, and nothing was said to the scanner.
        waiting = asyncio.ensure_future(anext(batches))
        await asyncio.sleep(0)
        assert (bytes(scanner.answers), scan.done()) == (b"", False)
        batch.stored()
        await scan
        assert (bytes(scanner.answers), scanner.repeated) == (b"\x06", 0)
        waiting.cancel()
        await asyncio.wait({waiting})


async def test_what_was_never_stored_comes_again(line: Callable[..., Scanner]) -> None:
    async with line(ack=b"\x06", patience=0.05) as scanner:
        watched = await begun(scanner, driver(scanner.port, ack="ACK"))
        await scanner.scan(GTIN)
        assert scanner.repeated == 1
        await heard(watched, GTIN, GTIN)
        await watched.stop()


async def test_unplugged_and_plugged_in_again(line: Callable[..., Scanner]) -> None:
    async with line() as scanner:
        scanning = driver(scanner.port)
        watched = await begun(scanner, scanning)
        await scanner.line.unplug()
        gone = await watched.failure()
        assert isinstance(gone, Disconnected)
        absent = await Watched(scanning).failure()
        assert isinstance(absent, Unreachable)
        assert scanner.port.removeprefix("socket://") in str(absent)
        await scanner.line.plug()
        back = await reopened(scanning)
        await until(lambda: scanner.line.busy)
        await scanner.scan(GTIN)
        await heard(back, GTIN)
        await back.stop()


async def test_a_port_that_is_not_there_is_looked_for_every_second(tmp_path: Path) -> None:
    absent = await Watched(driver(str(tmp_path / "usb-scanner"))).failure()
    assert "is it plugged in?" in str(absent)
    # Beside the supervisor's own wait of 0.5 s after a loss: found again within 2 s.
    assert absent.again is not None
    assert absent.again <= 1.0


async def test_a_port_is_ours_alone(tmp_path: Path) -> None:
    async with Scanner(path=tmp_path / "usb-scanner") as scanner:
        first = Watched(driver(scanner.port))
        await first.until(len)
        second = await Watched(driver(scanner.port)).failure()
        assert "in use" in str(second)
        await scanner.scan(GTIN)
        await heard(first, GTIN)
        await first.stop()


async def test_what_is_no_serial_port_says_so(tmp_path: Path) -> None:
    plain = tmp_path / "ttyUSB0"
    plain.write_text("")
    failure = await Watched(driver(str(plain))).failure()
    assert isinstance(failure, Unreachable)
    assert "cannot be opened as a serial port" in str(failure)


@pytest.fixture
def forbidden() -> Iterator[Path]:
    """A file that we may not open, in a folder that all may enter. Root, who may open everything, is nobody so long."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "ttyUSB0").touch(mode=0)
        if user == 0:
            os.seteuid(65534)
        try:
            yield folder / "ttyUSB0"
        finally:
            os.seteuid(user)


async def test_a_port_that_others_own_names_the_group(forbidden: Path) -> None:
    assert "group" in str(await Watched(driver(str(forbidden))).failure())


async def test_several_guns_of_one_base(line: Callable[..., Scanner]) -> None:
    async with line(Framing(prefix=b"@", gun_until=b":", suffix=b"\r"), split=3) as scanner:
        settings = {"prefix": "@", "suffix": "CR", "gun_address": {"until": ":"}}
        watched = await begun(scanner, driver(scanner.port, ("07", 8), **settings))
        await scanner.scan(b"A", b"07")
        await scanner.scan(b"B", b"08")
        await watched.until(lambda seen: [(one.value, one.antenna) for one in reads(seen)] == [(b"A", "07"), (b"B", 8)])
        await watched.stop()


async def test_garbage_is_said_and_good_scans_go_on(line: Callable[..., Scanner]) -> None:
    async with line(Framing(stx_etx=True)) as scanner:
        watched = await begun(scanner, driver(scanner.port, stx_etx=True))
        await scanner.noise(b"\xff\xfe\x03")
        await scanner.scan(GTIN)
        await heard(watched, GTIN)
        await watched.until(lambda seen: states(seen) == [(None, state) for state in ("online", "degraded", "online")])
        cause = next(one.cause for one in watched.seen if not isinstance(one, Read) and getattr(one, "cause", ""))
        assert "ff fe" in cause
        await watched.stop()


async def test_without_a_suffix_silence_is_the_end(line: Callable[..., Scanner]) -> None:
    async with line(Framing(suffix=b"")) as scanner:
        watched = await begun(scanner, driver(scanner.port, suffix="none"))
        await scanner.scan(GTIN)
        await heard(watched, GTIN)
        await watched.stop()


async def test_a_flood_waits_in_the_line(tmp_path: Path) -> None:
    async with Scanner(path=tmp_path / "usb-scanner") as scanner, driver(scanner.port).open() as batches:
        flood = asyncio.create_task(scanner.noise(b"".join(b"%d\r" % number for number in range(20_000))))
        seen: list[bytes] = []
        async with asyncio.timeout(BOUND):
            while len(seen) < 20_000:
                batch: Batch = await anext(batches)
                assert len(batch.observations) <= 4096
                seen += [one.value for one in reads(list(batch.observations))]
            await flood
        assert seen == [b"%d" % number for number in range(20_000)]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"port": "ttyUSB0"}, "/dev/serial/by-id/NAME"),
        ({"port": "tcp://10.0.0.1:4001"}, "socket://HOST:PORT"),
        ({"port": "socket://10.0.0.1"}, "socket://HOST:PORT"),
        ({"port": "socket://10.0.0.1:99999"}, "socket://HOST:PORT"),
        ({"port": "socket://10.0.0.1:4001", "baud": 9600}, "no effect with socket://"),
        ({"port": "/dev/ttyUSB0", "encoding": "utf-16"}, "ASCII"),
        ({"port": "/dev/ttyUSB0", "encoding": "klingon"}, "no encoding"),
        ({"port": "/dev/ttyUSB0", "prefix": "€"}, "single bytes"),
        ({"port": "/dev/ttyUSB0", "gun_address": {}}, "either length or until"),
        ({"port": "/dev/ttyUSB0", "flow": "xonxoff", "suffix": "\x11"}, "xonxoff"),
        ({"port": "/dev/ttyUSB0", "max_length": 0}, "greater than or equal to 1"),
    ],
)
def test_wrong_settings_are_refused_with_a_remedy(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Settings.model_validate(given)


def test_frames_as_they_are_set() -> None:
    def frame(**settings: Any) -> Framing:
        return framing(Settings.model_validate({"port": "/dev/ttyUSB0", **settings}))

    assert frame() == Framing()
    assert frame(suffix="CRLF", prefix="STX") == Framing(prefix=b"\x02", suffix=b"\r\n")
    assert frame(stx_etx=True) == Framing(stx_etx=True, suffix=b"")
    assert frame(suffix="none").by_silence
    assert frame(suffix="\x04", gun_address={"length": 2}) == Framing(suffix=b"\x04", gun_length=2)


def test_only_a_connection_beyond_this_machine_is_plain() -> None:
    ports = {"/dev/ttyUSB0": None, "socket://127.0.0.1:4001": None, "socket://10.0.0.1:4001": "port"}
    assert {port: Settings.model_validate({"port": port}).plain for port in ports} == ports


def test_ports_that_there_are(tmp_path: Path) -> None:
    usb, uart, virtual = (tmp_path / "dev" / name for name in ("ttyUSB0", "ttyS4", "ttyS0"))
    (tmp_path / "dev/serial/by-id").mkdir(parents=True)
    for device, bus in ((usb, "usb-serial"), (uart, "pnp"), (virtual, "platform")):
        device.touch()
        entry = tmp_path / "sys/class/tty" / device.name / "device"
        entry.mkdir(parents=True)
        (tmp_path / "sys/bus" / bus).mkdir(parents=True)
        (entry / "subsystem").symlink_to(tmp_path / "sys/bus" / bus)
    (tmp_path / "dev/serial/by-id/usb-Honeywell_1900-if00").symlink_to(usb)
    assert serial_ports.present(tmp_path) == ["/dev/serial/by-id/usb-Honeywell_1900-if00", "/dev/ttyS4"]
    assert serial_ports.present(tmp_path / "nowhere") == []
    assert "no serial port" in serial_ports.listed([])


async def test_bytes_without_an_end_leave_others_their_turn() -> None:
    def count() -> None:
        nonlocal turns
        turns += 1
        asyncio.get_running_loop().call_soon(count)

    turns, chunks = 0, 8
    with socket.create_server(("127.0.0.1", 0)) as server:
        scanning = driver(f"socket://127.0.0.1:{server.getsockname()[1]}")
        async with asyncio.timeout(BOUND), scanning.open() as batches:
            await anext(batches)
            flood, _ = server.accept()
            with flood:
                flood.sendall(b"A" * 4096 * chunks)
            count()
            with pytest.raises(Disconnected):
                async for _ in batches:
                    pass
    assert turns >= chunks
