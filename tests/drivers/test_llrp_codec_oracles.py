"""sllurp and llrpkit, two independent decoders, read our frames as we do."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import llrpkit.protocol.impinj
import llrpkit.protocol.messages  # noqa: F401 - importing both registers what llrpkit knows
import pytest
from llrpkit.protocol.codec import BitStr, LLRPStruct, UnknownCustomParameter, UnknownParameter, decode_message
from sllurp.llrp import LLRPMessage

from drivers.llrp.codec.definitions import (
    CUSTOM_MESSAGES,
    CUSTOM_PARAMETERS,
    MESSAGES,
    PARAMETERS,
    PARAMETERS_BY_NAME,
    Definition,
)
from drivers.llrp.codec.framing import HEADER, Framer
from drivers.llrp.codec.report import ReportDecoder
from drivers.llrp.codec.values import Bits, Element, Message, Value
from drivers.llrp.codec.wire import decode, encode

CASES = Path(__file__).resolve().parents[1] / "cases" / "llrp"
LLRPKIT_HAS_NOT = {
    "CLIENT_REQUEST_OP",
    "CLIENT_REQUEST_OP_RESPONSE",
    "CUSTOM_MESSAGE",
    "GET_SUPPORTED_VERSION",
    "GET_SUPPORTED_VERSION_RESPONSE",
    "SET_PROTOCOL_VERSION",
    "SET_PROTOCOL_VERSION_RESPONSE",
}
LLRPKIT_TV_NOT = {"C1G2_XPCW1", "C1G2_XPCW2", "ClientRequestOpSpecResult"}
EDGEX = {"GetReaderCapabilitiesResponse": 11, "GetReaderConfigResponse": 12, "ReaderEventNotification": 63}


def frame(number: int, body: bytes) -> bytes:
    return (1 << 10 | number).to_bytes(2) + (HEADER + len(body)).to_bytes(4) + b"\0\0\0\1" + body


def case_frames() -> list[bytes]:
    cases = [json.loads(path.read_text()) for path in sorted(CASES.glob("*.json"))]
    return [
        bytes.fromhex("".join(case["hex"]))
        for case in cases
        if case.get("conforming", True) and "violation" not in case
    ]


# --- one message of every kind, filled with numbers that differ


def filled(definition: Definition, dice: random.Random, depth: int) -> tuple[dict[str, Value], tuple[Element, ...]]:
    values: dict[str, Value] = {}
    for part in definition.layout.parts:
        for field in getattr(part, "fields", [part]):
            values[field.name] = some(getattr(field, "kind", "bytesToEnd"), dice)
    children: list[Element] = []
    for slot in definition.slots:
        names = sorted(slot.names - {"Custom"} - LLRPKIT_TV_NOT - {"ClientRequestOpSpec"})
        used = names[: slot.most] if depth > 0 or slot.least else []
        children += [Element(name, *filled(PARAMETERS_BY_NAME[name], dice, depth - 1)) for name in used]
    return values, tuple(children)


def some(kind: str, dice: random.Random) -> Value:
    counted: dict[str, Value] = {
        "u1": dice.random() < 0.5,
        "u96": dice.randbytes(12),
        "u8v": dice.randbytes(3),
        "utf8v": "Gerät",
        "bytesToEnd": dice.randbytes(4),
        "u16v": (dice.getrandbits(16), 7),
        "u32v": (dice.getrandbits(32), 7),
        "u1v": Bits(12, bytes([dice.getrandbits(8), 0xF0])),
    }
    if kind in counted:
        return counted[kind]
    width = int(kind[1:])
    return dice.getrandbits(width) - (1 << (width - 1) if kind[0] == "s" else 0)


def every_kind() -> Iterator[Message]:
    dice = random.Random(1)
    impinj = [found for (vendor, _), found in CUSTOM_MESSAGES.items() if vendor == 25882]
    for definition in [*MESSAGES.values(), *impinj]:
        if definition.name not in LLRPKIT_HAS_NOT:
            yield Message(definition.name, dice.getrandbits(32), 1, *filled(definition, dice, 5))
    vendors = [found for found in CUSTOM_PARAMETERS.values() if found.name.startswith("Impinj")]
    for definition in [*PARAMETERS.values(), *vendors]:
        if definition.name not in {"Custom", *LLRPKIT_TV_NOT}:
            element = Element(definition.name, *filled(definition, dice, 3))
            yield Message("SET_READER_CONFIG", 1, 1, {"ResetToFactoryDefault": True}, (element,))


# --- llrpkit


def theirs(value: Any) -> list[Any]:
    """llrpkit's values in wire order."""
    if isinstance(value, LLRPStruct):
        parts = [getattr(value, field.name) for field in fields(value)] + value.unbound_params
        return [leaf for part in parts for leaf in theirs(part)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in theirs(inner)]
    if isinstance(value, BitStr):
        return [value.bit_len, value.data]
    return [] if value is None else [int(value) if isinstance(value, int) else value]


def ours(node: Message | Element) -> list[Any]:
    found: list[Any] = []
    for value in node.fields.values():
        flat = value if isinstance(value, tuple) else [value]
        found += [int(leaf) if isinstance(leaf, int) else leaf for leaf in flat]
    return found + [leaf for child in node.children for leaf in ours(child)]


def known_to_llrpkit(value: Any) -> bool:
    if isinstance(value, UnknownParameter | UnknownCustomParameter):
        return False
    if isinstance(value, LLRPStruct):
        return all(known_to_llrpkit(getattr(value, field.name)) for field in fields(value)) and all(
            map(known_to_llrpkit, value.unbound_params)
        )
    return all(map(known_to_llrpkit, value)) if isinstance(value, list) else True


def test_llrpkit_reads_every_kind_as_we_wrote_it() -> None:
    compared = 0
    for message in every_kind():
        data = encode(message)
        their_message = decode_message(data)
        assert their_message.to_bytes(message.id, message.version) == data
        if known_to_llrpkit(their_message):
            compared += 1
            assert theirs(their_message) == ours(message), message.name
    assert compared > 150


def test_llrpkit_reads_recorded_frames_as_we_do(material: Path) -> None:
    frames = Framer().feed((material / "llrp" / "dx101" / "dx101_a.bin").read_bytes()) + case_frames()
    frames += [path.read_bytes() for path in sorted((material / "llrp" / "ltkjava").glob("*.bin"))]
    for name, number in EDGEX.items():
        frames.append(frame(number, (material / "llrp" / "edgex" / f"{name}-000.bytes").read_bytes()))
    compared = 0
    for data in frames:
        their_message, message = decode_message(data), decode(data)
        if known_to_llrpkit(their_message) and message.name not in {"UNKNOWN", *LLRPKIT_HAS_NOT}:
            compared += 1
            assert sorted(map(repr, theirs(their_message))) == sorted(map(repr, ours(message)))
    assert compared > 940


# --- sllurp, which decodes what readers send

SLLURP_NAMES = {"EPC_96": "EPC-96", "C1G2_PC": "C1G2PC", "C1G2_CRC": "C1G2CRC"}


def agreements(node: Message | Element, found: dict[str, Any]) -> int:
    """How many values sllurp has too; each is checked."""
    count = 0
    for name, value in node.fields.items():
        their_value = found.get(name)
        if isinstance(their_value, int) and isinstance(value, int):
            assert their_value == value, (node.name, name)
            count += 1
        if isinstance(their_value, bytes) and isinstance(value, str | bytes):
            assert their_value in (
                value.encode() if isinstance(value, str) else value,
                bytes(value.hex(), "ascii") if isinstance(value, bytes) else b"",
            )
            count += 1
    for name in dict.fromkeys(child.name for child in node.children):
        inner = found.get(SLLURP_NAMES.get(name, name))
        for child, other in zip(node.all(name), inner if isinstance(inner, list) else [inner], strict=False):
            if isinstance(other, dict):
                count += agreements(child, other)
            elif isinstance(other, int):
                assert [other] == list(child.fields.values())
                count += 1
            elif isinstance(other, bytes):
                assert other == next(iter(child.fields.values())).hex().encode()
                count += 1
    return count


@pytest.mark.parametrize("name", EDGEX)
def test_sllurp_reads_a_speedway_as_we_do(material: Path, name: str) -> None:
    data = frame(EDGEX[name], (material / "llrp" / "edgex" / f"{name}-000.bytes").read_bytes())
    (found,) = LLRPMessage(msgbytes=data).msgdict.values()
    assert agreements(decode(data), found) >= {"ReaderEventNotification": 1}.get(name, 60)


def test_sllurp_reads_a_session_as_we_do(material: Path) -> None:
    frames = Framer().feed((material / "llrp" / "dx101" / "dx101_a.bin").read_bytes())
    events = [data for data in frames if decode(data).name == "READER_EVENT_NOTIFICATION"]
    count = 0
    for data in events:
        (found,) = LLRPMessage(msgbytes=data).msgdict.values()
        count += agreements(decode(data), found)
    assert count >= 2 * len(events)


def test_sllurp_reads_tags_as_we_do() -> None:
    dice = random.Random(2)
    tv = ["ROSpecID", "AntennaID", "PeakRSSI", "ChannelIndex", "FirstSeenTimestampUTC", "LastSeenTimestampUTC"]
    tv += ["TagSeenCount", "C1G2_PC", "C1G2_CRC", "AccessSpecID"]
    vendors = ["ImpinjRFPhaseAngle", "ImpinjPeakRSSI", "ImpinjRFDopplerFrequency"]
    entries = []
    for _ in range(100):
        names = ["EPC_96", *dice.sample(tv, 6), *dice.sample(vendors, dice.randrange(4))]
        children = [Element(name, *filled(PARAMETERS_BY_NAME[name], dice, 0)) for name in names]
        entries.append(Element("TagReportData", {}, tuple(children)))
    message = Message("RO_ACCESS_REPORT", 5, children=tuple(entries))
    data = encode(message)
    found = LLRPMessage(msgbytes=data).msgdict["RO_ACCESS_REPORT"]
    assert agreements(message, found) == sum(len(entry.children) for entry in entries)
    reads = ReportDecoder().decode(data, offset=0.0, received=0.0).reads
    assert [read.value.hex().encode() for read in reads] == [tag["EPC"] for tag in found["TagReportData"]]
    assert [read.antenna for read in reads] == [tag.get("AntennaID") for tag in found["TagReportData"]]
    assert [read.channel for read in reads] == [tag.get("ChannelIndex") for tag in found["TagReportData"]]
    assert [read.pc for read in reads] == [tag.get("C1G2PC") for tag in found["TagReportData"]]
