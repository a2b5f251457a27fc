"""Every decoder of bytes, in one table: tried by hypothesis in `make test`, by atheris in `make soak`.

A target takes any bytes. It raises nothing but what its decoder's contract names, which is caught here, and it asserts
what must hold of what came out.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

import click

from drivers.barcode import framing as barcode
from drivers.ble import adverts, frames
from drivers.contract import ProtocolViolation, Read
from drivers.http import body
from drivers.http.refusal import Refusal
from drivers.lines import RecordingError, format_line, parse_line
from drivers.llrp.codec import framing as llrp
from drivers.llrp.codec.report import ReportDecoder
from drivers.llrp.codec.wire import decode, encode
from drivers.modbus.framing import Exchange
from drivers.modbus.registers import Block, Point, decode_all
from drivers.nmea import framing as nmea
from drivers.nmea.fix import Cycle
from drivers.nmea.sentences import parse as sentence
from gateway import describe
from gateway.cli.scans import read_scans
from gateway.config import identities
from gateway.config.load import ConfigError, load
from gateway.control import protocol
from gateway.identity import barcode as scans
from gateway.identity import digital_link, elements, epc, mapping, named, urns
from gateway.identity.resolve import Resolver
from gateway.outbox import high_water, packing
from gateway.tuning import walk
from gateway.uplink import requests

ROOT = Path(__file__).resolve().parents[2]
MAC = "54:48:E6:8F:80:A5"
KEYS = {"5448e68f80a5": bytes(range(16))}


class Target(NamedTuple):
    """A way in for bytes. `modules` are those that it tries; `seeds` what it understands, to begin with."""

    name: str
    run: Callable[[bytes], object]
    modules: Sequence[str]
    seeds: Sequence[bytes] = (b"",)


def _pieces(data: bytes) -> list[bytes]:
    """The bytes as they might come: the first says how they are cut."""
    size = 1 + (data[0] if data else 0)
    return [data[at : at + size] for at in range(1, len(data), size)]


def _llrp_stream(data: bytes) -> None:
    framer, decoder = llrp.Framer(), ReportDecoder((1,))
    with suppress(ProtocolViolation):
        for piece in _pieces(data):
            for frame in framer.feed(piece):
                _llrp_frame(frame)
                for part in llrp.pieces(frame):
                    with suppress(ProtocolViolation):
                        decoder.decode(part, offset=0.0, received=0.0)


def _llrp_frame(frame: bytes) -> None:
    try:
        message = decode(frame)
    except ProtocolViolation:
        return
    encode(message)


def _llrp_report(data: bytes) -> None:
    """Entries that share a shape are read as those that stand alone."""
    frame = b"\x04\x3d" + (10 + len(data)).to_bytes(4, "big") + bytes(4) + data
    said = [ReportDecoder((1,), shapes=shapes).decode(frame, offset=0.0, received=1.0) for shapes in (32, 0)]
    assert said[0] == said[1]


_FRAMINGS = (
    barcode.Framing(),
    barcode.Framing(prefix=b"\x02", suffix=b"\x03"),
    barcode.Framing(suffix=b"", max_length=64),
    barcode.Framing(stx_etx=True, suffix=b"\r\n"),
    barcode.Framing(gun_length=4),
    barcode.Framing(gun_until=b":", max_length=32),
)


def _barcode(data: bytes) -> None:
    for framing in _FRAMINGS:
        framer = barcode.Framer(framing)
        for piece in _pieces(data):
            framer.feed(piece)
        framer.silence()
        assert not framer.pending


def _adverts(data: bytes) -> None:
    heard = adverts.understand(adverts.parse(data, MAC), frames.FORMATS, KEYS)
    for frame in heard.frames:
        if frame.uri is not None:
            assert Resolver().resolve(Read("beacon", frame.uri.encode(), 0.0)).uri == frame.uri


def _modbus(data: bytes) -> None:
    for rtu in (True, False):
        for table in ("coil", "holding"):
            exchange, kept = Exchange(1, Block(table, 0, 4), 1, rtu=rtu), bytearray()
            for piece in _pieces(data):
                kept += piece
                exchange.find(kept)
                assert len(kept) <= 600


def _registers(data: bytes) -> None:
    """Four registers, read as every type of point there is."""
    words = [int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big") for at in range(0, 8, 2)]
    block = Block("holding", 0, 4)
    for kind in ("int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "string"):
        for order in ("big", "little"):
            decode_all(Point("p", "holding", 0, type=kind, word_order=order, length=8), block, words)


def _nmea(data: bytes) -> None:
    framer, cycle = nmea.Framer(), Cycle()
    said = [one for piece in _pieces(data) for one in framer.feed(piece)]
    inner = data.replace(b"$", b"").replace(b"*", b"").replace(b"\r", b"").replace(b"\n", b"")[:100]
    said += framer.feed(b"$%b*%02X\r\n" % (inner, nmea.checksum(inner)))
    for one in said:
        with suppress(ProtocolViolation):
            report = sentence(one)
            if report is not None:
                cycle.take(report, 1_790_000_000.0)
    cycle.finish()


def _http(data: bytes) -> None:
    for kind in ("application/json", "application/x-ndjson", "text/plain"):
        with suppress(Refusal):
            body.parse(data, kind)


def _line(data: bytes) -> None:
    try:
        one = parse_line(data)
    except RecordingError:
        return
    if not hasattr(one.observation, "point"):
        parse_line(format_line(one.device, one.observation, one.received))  # type: ignore[arg-type]


def _epc(data: bytes) -> None:
    """What a tag is named a person may write. (Of pieces, TDS takes any two numbers, AI 8006 does not.)"""
    pc = None if data[:1] < b"\x80" else int.from_bytes(data[1:3], "big")
    for value in (data, data[3:]):
        identity = epc.decode(value, pc)
        if identity.scheme not in ("raw", "afi", "itip"):
            assert named.named(identity.uri).uri == identity.uri


def _code(data: bytes) -> None:
    identity = scans.identify(data)
    assert identity.uri
    Resolver().resolve(Read("beacon", data, 0.0))


def _written(data: bytes) -> None:
    """Identifiers as people write them."""
    text = data.decode("utf-8", "replace")
    for parse in (urns.parse, digital_link.parse, elements.parse, named.named, mapping.source, epc.encode_urn):
        with suppress(ValueError):
            parse(text)


def _control(data: bytes) -> None:
    with suppress(ValueError):
        protocol.parse(data)


def _ack(data: bytes) -> None:
    said = requests.parse_ack(data)
    assert said is None or len(said.receipt.missing) <= 100


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-site-"))


def _site(data: bytes) -> None:
    path = _folder() / "site.yaml"
    path.write_bytes(data)
    with suppress(ConfigError):
        load(path, files=False, identities=False)


def _identity_map(data: bytes) -> None:
    list(identities.read_csv(data.splitlines(keepends=True)))
    list(identities.read_yaml(data))


def _scan_file(data: bytes) -> None:
    with suppress(click.ClickException):
        read_scans("scans.csv", data)


def _walk(data: bytes) -> None:
    lines = io.StringIO(data.decode("utf-8", "replace"))
    with suppress(walk.WalkError):
        walk.parse_walk(lines, {"aisle-a": "zone", "dock": "portal"}, lambda value: epc.decode(value).uri)


def _high_water(data: bytes) -> None:
    water = high_water.decode(data)
    assert water is None or high_water.decode(water.encode()) == water


def _packed(data: bytes) -> None:
    packing.readable(data)
    with suppress(ValueError):
        packing.unpack(b"\1" + data)
    event = b"{" + data
    assert packing.unpack(packing.pack(event)) == event


_DEEP = b'{"x": ' + b"[" * 5000 + b"]" * 5000 + b"}"
"""Deeper than a parser's stack."""
_READ = b'{"time": 1790000000.125, "device": "dock", "antenna": 1, "epc": "3034257bf7194e4000000001", "rssi": -61.5}'
_ACK = b'{"stream": "rfid-3f2a5b6c", "epoch": 17, "upto": 10233, "missing": [[10101, 10104]]}'
_RMC = b"\x20$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A\r\n"
_IBEACON = bytes.fromhex("1aff4c000215e2c56db5dffb48d2b060d0f5a71096e000010001c5")
_MBAP = bytes.fromhex("40000100000000000b01030800010002000300 04".replace(" ", ""))

TARGETS = (
    Target(
        "llrp-stream",
        _llrp_stream,
        ("drivers.llrp.codec.framing", "drivers.llrp.codec.wire", "drivers.llrp.codec.layout"),
        (b"\x10\x04\x3e\x00\x00\x00\x0a\x00\x00\x00\x01",),
    ),
    Target(
        "llrp-report",
        _llrp_report,
        (
            "drivers.llrp.codec.report",
            "drivers.llrp.codec.entry",
            "drivers.llrp.codec.columns",
            "drivers.llrp.codec.template",
        ),
        (bytes.fromhex("00f000118d3034257bf7194e4000000001"),),
    ),
    Target("barcode", _barcode, ("drivers.barcode.framing",), (b"\x03]C10109521141123454\r\n",)),
    Target(
        "ble",
        _adverts,
        (
            "drivers.ble.adverts",
            "drivers.ble.beacons",
            "drivers.ble.bthome",
            "drivers.ble.frames",
            "drivers.ble.ruuvi",
            "drivers.ble.vendors",
        ),
        (_IBEACON,),
    ),
    Target("modbus", _modbus, ("drivers.modbus.framing",), (_MBAP,)),
    Target("modbus-registers", _registers, ("drivers.modbus.registers",), (bytes(8),)),
    Target("nmea", _nmea, ("drivers.nmea.framing", "drivers.nmea.sentences"), (_RMC,)),
    Target("http", _http, ("drivers.http.body",), (_READ, b"[" + _READ + b"]", _DEEP)),
    Target("recording", _line, ("drivers.lines",), (_READ, _DEEP)),
    Target("epc", _epc, ("gateway.identity.epc",), (bytes.fromhex("3034257bf7194e4000000001"),)),
    Target("code", _code, ("gateway.identity.barcode",), (b"]C10109521141123454211A1",)),
    Target(
        "written",
        _written,
        (
            "gateway.identity.urns",
            "gateway.identity.digital_link",
            "gateway.identity.elements",
            "gateway.identity.mapping",
            "gateway.identity.named",
        ),
        (b"urn:epc:id:sgtin:9521141.012345.1", b"https://id.gs1.org/01/09521141123454/21/1"),
    ),
    Target("control", _control, ("gateway.control.protocol",), (b'{"verb": "status"}', _DEEP)),
    Target("ack", _ack, ("gateway.uplink.requests",), (_ACK, _DEEP)),
    Target(
        "request",
        requests.parse_request,
        ("gateway.uplink.requests",),
        (b'{"snapshot": "aisle-a"}', b'{"state": true}'),
    ),
    Target("site", _site, ("gateway.config.document",), ((ROOT / "config" / "minimal.yaml").read_bytes(),)),
    Target(
        "identity-map",
        _identity_map,
        ("gateway.config.identities",),
        (b"identifier,gs1\nraw,urn:epc:id:sgtin:9521141.012345.1\n",),
    ),
    Target("scan-file", _scan_file, ("gateway.cli.scans",), (b"epc\n3034257bf7194e4000000001\n",)),
    Target(
        "walk",
        _walk,
        ("gateway.tuning.walk",),
        (b"time,epc,zone\n2026-11-21T17:42:03Z,3034257bf7194e4000000001,aisle-a\n",),
    ),
    Target(
        "high-water",
        _high_water,
        ("gateway.outbox.high_water",),
        (high_water.HighWater("3f2a5b6c", 1, 0, 7, 3).encode(),),
    ),
    Target("packed", _packed, ("gateway.outbox.packing",), (packing.pack(_READ * 8),)),
    Target("described", describe.describe, ("gateway.describe",), (b'{"type": "readpoint.epcis.v1"}', _DEEP)),
)
