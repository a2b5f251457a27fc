"""The codec against recorded frames, against itself on generated messages, and against hostile bytes."""

from __future__ import annotations

import base64
import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contract import ProtocolViolation
from drivers.llrp.codec import enums
from drivers.llrp.codec.conformance import problems
from drivers.llrp.codec.definitions import (
    CUSTOM_MESSAGES,
    CUSTOM_PARAMETERS,
    MESSAGES,
    PARAMETERS,
    PARAMETERS_BY_NAME,
    Definition,
)
from drivers.llrp.codec.framing import HEADER, MAX_FRAME, Framer
from drivers.llrp.codec.values import Bits, Element, Message, Value
from drivers.llrp.codec.wire import decode, encode

EDGEX = {
    "CloseConnectionResponse": 4,
    "GetAccessSpecsResponse": 54,
    "GetROSpecsResponse": 36,
    "GetReaderCapabilitiesResponse": 11,
    "GetReaderConfigResponse": 12,
    "ReaderEventNotification": 63,
}
LATER = {"SupportsBlockPermalock", "SupportsTagRecommissioning", "SupportsUMIMethod2", "SupportsXPC", "XPCBitsEnabled"}
ENUMS = [kind for kind in vars(enums).values() if isinstance(kind, type) and issubclass(kind, IntEnum)]
REVERSED = {("ADD_ROSPEC2", "Session")}
"""LTKJava wrote its two-bit fields in reverse; what the wire says is what llrpkit and real readers read."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def frame(number: int, body: bytes, message_id: int = 1) -> bytes:
    return (1 << 10 | number).to_bytes(2) + (HEADER + len(body)).to_bytes(4) + message_id.to_bytes(4) + body


def recorded(material: Path) -> list[bytes]:
    frames = [path.read_bytes() for path in sorted((material / "llrp" / "ltkjava").glob("*.bin"))]
    bodies = sorted((material / "llrp" / "edgex").glob("*.bytes"))
    frames += [frame(EDGEX[path.name.split("-")[0]], path.read_bytes()) for path in bodies]
    return frames + Framer().feed((material / "llrp" / "dx101" / "dx101_a.bin").read_bytes())


def test_recorded_frames_round_trip(material: Path) -> None:
    frames = recorded(material)
    assert len(frames) == 13 + 6 + 934
    for data in frames:
        message = decode(data)
        assert encode(message) == data
        assert decode(encode(message)) == message
        assert all(element.name != "Unknown" for element in message.children)


# --- agreement with the XML and JSON the recordings came with


def local(tag: str) -> str:
    return tag.rpartition("}")[2]


def reads_as(text: str, value: Value) -> bool:
    """Whether LTK-XML's text means this value."""
    named = {kind[text].value for kind in ENUMS if text in kind.__members__}
    if isinstance(value, bool):
        return value in named or text in (("1", "true") if value else ("0", "false"))
    if isinstance(value, int):
        if "T" in text and ":" in text:
            return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1) == value
        return value in named or text == str(value) or (text == "None" and value == 0)
    if isinstance(value, Bits):
        return value.data.hex() == text.lower()
    if isinstance(value, tuple):
        return text.split() in ([str(item) for item in value], [f"{item:04x}" for item in value])
    if isinstance(value, bytes):
        numbers = [kind[word].value for word in text.split() for kind in ENUMS if word in kind.__members__]
        return value.hex() == text.lower() or list(value) == numbers
    return text == value


def check_xml(node: ET.Element, got: Message | Element, file: str) -> None:
    assert local(node.tag) == got.name
    inner = list(node)
    fields, parameters = inner[: len(got.fields)], inner[len(got.fields) :]
    for child, (name, value) in zip(fields, got.fields.items(), strict=True):
        assert local(child.tag) == name
        if (file, name) not in REVERSED:
            assert reads_as((child.text or "").strip(), value), (got.name, name, child.text, value)
    for child, element in zip(parameters, got.children, strict=True):
        check_xml(child, element, file)


def plain_custom(message: Message) -> Message:
    """A vendor's message as the standard alone has it."""
    data = encode(message)[HEADER:]
    fields: dict[str, Value] = {
        "VendorIdentifier": int.from_bytes(data[:4]),
        "MessageSubtype": data[4],
        "Data": data[5:],
    }
    return Message("CUSTOM_MESSAGE", message.id, message.version, fields)


def test_frames_say_what_their_xml_says(material: Path) -> None:
    for path in sorted((material / "llrp" / "ltkjava").glob("*.bin")):
        root = ET.parse(path.with_suffix(".xml")).getroot()
        message = decode(path.read_bytes())
        assert message.id == int(root.attrib["MessageID"])
        check_xml(root, plain_custom(message) if local(root.tag) == "CUSTOM_MESSAGE" else message, path.stem)


def test_a_session_says_what_its_xml_says(material: Path) -> None:
    folder = material / "llrp" / "dx101"
    root = ET.parse(folder / "dx101_a.xml").getroot()
    frames = Framer().feed((folder / "dx101_a.bin").read_bytes())
    assert len(root) == len(frames)
    for node, data in zip(root, frames, strict=True):
        message = decode(data)
        assert message.id == int(node.attrib["MessageID"])
        check_xml(node, plain_custom(message) if local(node.tag) == "CUSTOM_MESSAGE" else message, "dx101")


def leaves(value: Any, key: str = "") -> list[Any]:
    if isinstance(value, dict):
        return [leaf for name, inner in value.items() if name not in LATER for leaf in leaves(inner, name)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner, key)]
    return [] if value is None or (key == "Uptime" and value == 0) else [value]


def leaves_of(node: Message | Element) -> list[Any]:
    own: list[Any] = []
    for value in node.fields.values():
        own += (
            value
            if isinstance(value, tuple)
            else [base64.b64encode(value).decode() if isinstance(value, bytes) else value]
        )
    return own + [leaf for child in node.children for leaf in leaves_of(child)]


@pytest.mark.parametrize("name", EDGEX)
def test_a_speedway_says_what_edgex_reads(material: Path, name: str) -> None:
    path = material / "llrp" / "edgex" / f"{name}-000.bytes"
    message = decode(frame(EDGEX[name], path.read_bytes()))
    assert leaves_of(message) == leaves(json.loads(path.with_suffix(".json").read_text()))
    assert problems(message) == []


# --- generated messages of every kind


def field_values(kind: str) -> st.SearchStrategy[Any]:
    counted: dict[str, st.SearchStrategy[Any]] = {
        "u1": st.booleans(),
        "u96": st.binary(min_size=12, max_size=12),
        "u8v": st.binary(max_size=40),
        "utf8v": st.text(max_size=20),
        "bytesToEnd": st.binary(max_size=40),
        "u16v": st.lists(st.integers(0, 2**16 - 1), max_size=5).map(tuple),
        "u32v": st.lists(st.integers(0, 2**32 - 1), max_size=5).map(tuple),
        "u1v": st.binary(max_size=20).flatmap(
            lambda data: st.integers(max(0, len(data) * 8 - 7), len(data) * 8).map(lambda count: Bits(count, data))
        ),
    }
    if kind in counted:
        return counted[kind]
    width = int(kind[1:])
    return st.integers(-(2 ** (width - 1)), 2 ** (width - 1) - 1) if kind[0] == "s" else st.integers(0, 2**width - 1)


def kinds(definition: Definition) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in definition.layout.parts:
        for field in getattr(part, "fields", [part]):
            found[field.name] = getattr(field, "kind", "bytesToEnd")
    return found


@st.composite
def contents(draw: st.DrawFn, definition: Definition, depth: int) -> tuple[dict[str, Value], tuple[Element, ...]]:
    fields = {name: draw(field_values(kind)) for name, kind in kinds(definition).items()}
    children: list[Element] = []
    for slot in definition.slots:
        most = min(slot.most or 2, 2) if depth else 0
        count = draw(st.integers(min(slot.least, most), most))
        children += [draw(elements(draw(st.sampled_from(sorted(slot.names))), depth - 1)) for _ in range(count)]
    return fields, tuple(children)


@st.composite
def elements(draw: st.DrawFn, name: str, depth: int) -> Element:
    if name == "Custom":
        ids = {"VendorIdentifier": draw(st.integers(0, 99)), "ParameterSubtype": draw(st.integers(0, 2**32 - 1))}
        return Element("Custom", {**ids, "Data": draw(st.binary(max_size=30))})
    return Element(name, *draw(contents(PARAMETERS_BY_NAME[name], depth)))


KINDS = [found for found in [*MESSAGES.values(), *CUSTOM_MESSAGES.values()] if found.name != "CUSTOM_MESSAGE"]


@st.composite
def messages(draw: st.DrawFn) -> Message:
    definition = draw(st.sampled_from(KINDS))
    fields, children = draw(contents(definition, draw(st.integers(0, 4))))
    return Message(definition.name, draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 2)), fields, children)


@given(messages())
@settings(max_examples=400, deadline=None)
def test_a_message_comes_back_as_it_was(message: Message) -> None:
    assert decode(encode(message)) == message


@pytest.mark.parametrize(
    "definition", [*PARAMETERS.values(), *CUSTOM_PARAMETERS.values()], ids=lambda found: found.name
)
def test_a_parameter_comes_back_as_it_was(definition: Definition) -> None:
    @given(elements(definition.name, 1))
    @settings(max_examples=5, deadline=None, database=None)
    def check(element: Element) -> None:
        message = Message("READER_EVENT_NOTIFICATION", 7, children=(element,))
        assert decode(encode(message)) == message

    check()


# --- hostile bytes


def values_or_violation(data: bytes) -> None:
    try:
        message = decode(data)
    except ProtocolViolation:
        return
    encode(message)


@given(st.binary(max_size=200), st.sampled_from([*MESSAGES, 0, 999]))
@settings(max_examples=600, deadline=None)
def test_any_bytes_give_a_message_or_a_violation(body: bytes, number: int) -> None:
    values_or_violation(body)
    values_or_violation(frame(number, body))


@given(st.data())
@settings(max_examples=600, deadline=None)
def test_a_damaged_frame_gives_a_message_or_a_violation(material: Path, data: st.DataObject) -> None:
    frames = [path.read_bytes() for path in sorted((material / "llrp" / "ltkjava").glob("*.bin"))]
    victim = bytearray(data.draw(st.sampled_from(frames)))
    for _ in range(data.draw(st.integers(1, 4))):
        victim[data.draw(st.integers(0, len(victim) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(victim[: data.draw(st.integers(0, len(victim)))])
    values_or_violation(bytes(victim))
    values_or_violation(cut)
    values_or_violation(frame(int.from_bytes(victim[:2]) & 0x3FF, cut[HEADER:]))


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_a_stream_gives_the_same_frames_whole_and_by_bytes(data: bytes) -> None:
    def frames(pieces: list[bytes]) -> list[bytes]:
        framer, found = Framer(), []
        try:
            for piece in pieces:
                found += framer.feed(piece)
            found += framer.feed(b"")
        except ProtocolViolation:
            found.append(b"violation")
        return found

    good = frame(62, b"") * 2 + data
    assert frames([good]) == frames([good[at : at + 1] for at in range(len(good))])
    assert frames([good])[:2] == [frame(62, b"")] * 2


@pytest.mark.parametrize("length", [0, 9, MAX_FRAME + 1, 2**32 - 1])
def test_a_length_no_frame_has_is_refused_at_once(length: int) -> None:
    with pytest.raises(ProtocolViolation):
        Framer().feed(b"\x04\x3e" + length.to_bytes(4))


def test_nesting_without_end_is_refused() -> None:
    body = b""
    for _ in range(2000):
        body = (289).to_bytes(2) + (len(body) + 8).to_bytes(2) + b"\0\0\0\0" + body
    status = (287).to_bytes(2) + (len(body) + 8).to_bytes(2) + b"\0\0\0\0" + body
    with pytest.raises(ProtocolViolation, match="nested"):
        decode(frame(100, status))


def test_a_frame_of_countless_parameters_is_refused() -> None:
    with pytest.raises(ProtocolViolation, match="more than"):
        decode(frame(63, b"\x81\0\1" * 200_000))


@pytest.mark.parametrize(
    "message",
    [
        Message("NO_SUCH_MESSAGE", 1),
        Message("KEEPALIVE", 2**32),
        Message("KEEPALIVE", 1, version=8),
        Message("START_ROSPEC", 1),
        Message("START_ROSPEC", 1, fields={"ROSpecID": 2**32}),
        Message("START_ROSPEC", 1, fields={"ROSpecID": "1"}),
        Message("START_ROSPEC", 1, fields={"ROSpecID": 1, "ROSpec": 1}),
        Message("ADD_ROSPEC", 1, children=(Element("NoSuchParameter"),)),
        Message("ADD_ROSPEC", 1, children=(Element("EPCData", {"EPC": Bits(9, b"\0")}),)),
        Message("ADD_ROSPEC", 1, children=(Element("EPC_96", {"EPC": b"short"}),)),
        Message("ADD_ROSPEC", 1, children=(Element("Identification", {"IDType": 0, "ReaderID": 5}),)),
        Message("ADD_ROSPEC", 1, children=(Element("Unknown", {"type": 300, "data": bytes(70_000)}),)),
        Message(
            "ADD_ROSPEC", 1, children=(Element("AntennaID", {"AntennaID": 1}, (Element("ConnectionCloseEvent"),)),)
        ),
        Message("UNKNOWN", 1, fields={"type": 1023, "data": b""}),
    ],
    ids=repr,
)
def test_what_is_no_message_is_a_value_error(message: Message) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each row is one kind of mistake
        encode(message)


def test_looking_up_children_and_fields() -> None:
    message = decode(frame(63, bytes.fromhex("00f60016 0080000c 0000000000000005 01000006 0002")))
    assert message.find("ReaderEventNotificationData", "ConnectionAttemptEvent") == Element(
        "ConnectionAttemptEvent",
        {"Status": enums.ConnectionAttemptStatusType.Failed_A_Client_Initiated_Connection_Already_Exists},
    )
    data = message.children[0]
    assert data.child("Uptime") is None
    assert data.child("UTCTimestamp") == data.all("UTCTimestamp")[0]
    assert data.children[0]["Microseconds"] == 5
    assert data.children[0].get("Seconds") is None
    assert message.find("ReaderEventNotificationData", "GPIEvent") is None
    with pytest.raises(KeyError):
        data["Microseconds"]


def test_what_misses_or_repeats_a_parameter_is_named() -> None:
    state = Element("EventNotificationState", {"EventType": 0, "NotificationState": True})
    message = Message(
        "SET_READER_CONFIG",
        1,
        fields={"ResetToFactoryDefault": False},
        children=(
            Element("ReaderEventNotificationSpec", {}, (state, Element("Uptime", {"Microseconds": 1}))),
            Element("ROReportSpec", {"ROReportTrigger": 0, "N": 0}),
            Element("AccessReportSpec", {"AccessReportTrigger": 0}),
            Element("AccessReportSpec", {"AccessReportTrigger": 0}),
            Element("ImpinjRequestedData", {"RequestedData": 2000}),
        ),
    )
    assert [str(problem) for problem in problems(message)] == [
        "SET_READER_CONFIG: AccessReportSpec: M_DuplicateParameter",
        "SET_READER_CONFIG/ReaderEventNotificationSpec: Uptime: P_UnexpectedParameter",
        "SET_READER_CONFIG/ROReportSpec: TagReportContentSelector: P_MissingParameter",
    ]
