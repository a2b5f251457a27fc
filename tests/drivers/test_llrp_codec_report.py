"""Reports to reads: the fast path, the plain one and the general decoder say the same; bad entries cost themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contract import ProtocolViolation, Read
from drivers.llrp.codec.framing import HEADER, Framer
from drivers.llrp.codec.report import Report, ReportDecoder
from drivers.llrp.codec.values import Bits, Element, Message, Value
from drivers.llrp.codec.wire import decode, encode

IMPINJ, ZEBRA = 25882, 161
OFFSET, RECEIVED = 0.25, 1_700_000_000.5
TID_OP_SPEC = 7
CASES = sorted((Path(__file__).resolve().parents[1] / "cases" / "llrp").glob("*.json"))


def report_of(entries: list[bytes]) -> bytes:
    body = b"".join(entries)
    return b"\x04\x3d" + (HEADER + len(body)).to_bytes(4) + b"\0\0\0\1" + body


def entry_bytes(element: Element) -> bytes:
    return encode(Message("RO_ACCESS_REPORT", 1, children=(element,)))[HEADER:]


# --- what an entry means, read from the general decoder's parameters


def first(entry: Element, name: str, field: str) -> Any:
    found = entry.child(name)
    return None if found is None else found[field]


def stamp(entry: Element) -> tuple[str, int] | None:
    for clock in ("UTC", "Uptime"):
        for seen in ("LastSeen", "FirstSeen"):
            value = first(entry, f"{seen}Timestamp{clock}", "Microseconds")
            if value is not None:
                return clock, value
    return None


def expected_tid(entry: Element) -> bytes | None:
    for child in entry.children:
        if child.name == "ImpinjSerializedTID":
            return b"".join(word.to_bytes(2) for word in child["TID"])
        if child.name == "C1G2ReadOpSpecResult" and child["Result"] == 0 and child["OpSpecID"] == TID_OP_SPEC:
            return b"".join(word.to_bytes(2) for word in child["ReadData"])
    return None


def expected_epc(entry: Element) -> bytes:
    bits = first(entry, "EPCData", "EPC")
    if bits is None:
        return bytes(first(entry, "EPC_96", "EPC"))
    whole = int.from_bytes(bits.data) >> (-bits.count % 8) << (-bits.count % 8)
    return whole.to_bytes(len(bits.data))


def expected(entry: Element) -> Read:
    rssi, fine = first(entry, "PeakRSSI", "PeakRSSI"), first(entry, "ImpinjPeakRSSI", "RSSI")
    phase, turn = first(entry, "ImpinjRFPhaseAngle", "PhaseAngle"), first(entry, "MotoTagPhase", "Phase")
    degrees = None if turn is None else turn % 65536 * 360 / 65536
    doppler = first(entry, "ImpinjRFDopplerFrequency", "DopplerFrequency")
    seen = stamp(entry)
    count = first(entry, "TagSeenCount", "TagCount")
    return Read(
        scheme="epc",
        value=expected_epc(entry),
        time=RECEIVED if seen is None else seen[1] / 1e6 + OFFSET,
        antenna=first(entry, "AntennaID", "AntennaID"),
        rssi=rssi if fine is None else fine / 100,
        phase=degrees if phase is None else phase * 360 / 4096,
        doppler=None if doppler is None else doppler / 16,
        received=RECEIVED,
        count=1 if count is None else count,
        channel=first(entry, "ChannelIndex", "ChannelIndex"),
        pc=first(entry, "C1G2_PC", "PC_Bits"),
        tid=expected_tid(entry),
    )


def expected_newest(entries: list[Element]) -> float | None:
    stamps = [seen for entry in entries if (seen := stamp(entry))]
    utc = [value for clock, value in stamps if clock == "UTC"]
    values = utc or [value for _, value in stamps]
    return max(values) / 1e6 if values else None


# --- entries of every shape


def number(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2**bits - 1)


def signed(bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def one(name: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Element]:
    return st.fixed_dictionaries(fields).map(lambda values: Element(name, values))


def epc_data(size: int) -> st.SearchStrategy[Element]:
    return st.binary(min_size=(size + 7) // 8, max_size=(size + 7) // 8).map(
        lambda data: Element("EPCData", {"EPC": Bits(size, data)})
    )


def words(size: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(number(16), min_size=size, max_size=size).map(tuple)


def raw_custom(vendor: int, subtype: int, size: int) -> st.SearchStrategy[Element]:
    ids: dict[str, Value] = {"VendorIdentifier": vendor, "ParameterSubtype": subtype}
    return st.binary(min_size=size, max_size=size).map(lambda data: Element("Custom", {**ids, "Data": data}))


NESTED = Element("Custom", {"VendorIdentifier": 5, "ParameterSubtype": 6, "Data": b"inner"})
EPCS = [one("EPC_96", EPC=st.binary(min_size=12, max_size=12)), *map(epc_data, (0, 7, 96, 128, 130, 198))]
PARAMETERS = [
    one("ROSpecID", ROSpecID=number(32)),
    one("SpecIndex", SpecIndex=number(16)),
    one("InventoryParameterSpecID", InventoryParameterSpecID=number(16)),
    one("AntennaID", AntennaID=number(16)),
    one("PeakRSSI", PeakRSSI=signed(8)),
    one("ChannelIndex", ChannelIndex=number(16)),
    one("FirstSeenTimestampUTC", Microseconds=number(62)),
    one("FirstSeenTimestampUptime", Microseconds=number(62)),
    one("LastSeenTimestampUTC", Microseconds=number(62)),
    one("LastSeenTimestampUptime", Microseconds=number(62)),
    one("TagSeenCount", TagCount=number(16)),
    one("C1G2_PC", PC_Bits=number(16)),
    one("C1G2_CRC", CRC=number(16)),
    one("C1G2_XPCW1", XPC_W1=number(16)),
    one("AccessSpecID", AccessSpecID=number(32)),
    one("ImpinjPeakRSSI", RSSI=signed(16)),
    one("ImpinjPeakRSSI", RSSI=signed(16)).map(lambda found: Element(found.name, found.fields, (NESTED,))),
    one("ImpinjRFPhaseAngle", PhaseAngle=number(16)),
    one("ImpinjRFDopplerFrequency", DopplerFrequency=signed(16)),
    one("ImpinjSerializedTID", TID=words(6)),
    one("ImpinjTxPower", TxPower=number(16)),
    one("MotoTagPhase", Phase=signed(16)),
    one("C1G2ReadOpSpecResult", Result=st.integers(0, 2), OpSpecID=st.integers(6, 7), ReadData=words(2)),
    one("C1G2WriteOpSpecResult", Result=number(8), OpSpecID=number(16), NumWordsWritten=number(16)),
    raw_custom(IMPINJ, 57, 1),
    raw_custom(IMPINJ, 9999, 2),
    raw_custom(ZEBRA, 9999, 0),
    raw_custom(4711, 57, 2),
    st.binary(max_size=3).map(lambda data: Element("Unknown", {"type": 900, "data": data})),
]
BAD = [
    bytes.fromhex("00f00004"),  # no EPC
    bytes.fromhex("00f00007 81 0001"),  # no EPC either
    bytes.fromhex("00f0000c 8d 0102030405 8100"),  # EPC_96 longer than its entry
    bytes.fromhex("00f0000a 00f1 0006 0060"),  # 96 bits of EPC announced, none there
    bytes.fromhex("00f0000a 00f1 0040 0000"),  # a parameter longer than its entry
    bytes.fromhex("00f0000a 00f1 0003 0000"),  # a parameter shorter than its header
    bytes.fromhex("00f00012 8d 000000000000000000000001 ff"),  # a TV parameter nobody knows
    bytes.fromhex("00f00018 8d 000000000000000000000001 00f1 0007 0008 55"),  # two EPCs
]
BESIDE = [
    bytes.fromhex("00f2000c 00f30008 00000001"),  # RFSurveyReportData
    bytes.fromhex("03ff000e 00006512 00000001 abcd"),  # a vendor's parameter of the report
    bytes.fromhex("03840004"),  # an unknown one
]
RUNS = st.sampled_from([1, 1, 1, 2, 3, 7, 70])


@st.composite
def reports(draw: st.DrawFn) -> list[Element | bytes]:
    """Runs of entries of a few shapes, mixed with bad ones and with other parameters."""
    shapes = draw(
        st.lists(
            st.tuples(st.sampled_from(EPCS), st.lists(st.sampled_from(PARAMETERS), max_size=9)), min_size=1, max_size=4
        )
    )
    found: list[Element | bytes] = []
    for _ in range(draw(st.integers(1, 6))):
        epc, others = draw(st.sampled_from(shapes))
        samples = [
            Element("TagReportData", {}, (draw(epc), *(draw(other) for other in others)))
            for _ in range(draw(st.integers(1, 2)))
        ]
        found += samples * draw(RUNS)
        found += draw(st.lists(st.sampled_from(BAD + BESIDE), max_size=2))
    return found


@given(st.lists(reports(), min_size=1, max_size=3), st.integers(0, 4))
@settings(max_examples=150, deadline=None)
def test_all_paths_agree_on_reports_of_every_shape(batches: list[list[Element | bytes]], shapes: int) -> None:
    plain = ReportDecoder({TID_OP_SPEC}, shapes=0)
    fast = [ReportDecoder({TID_OP_SPEC}), ReportDecoder({TID_OP_SPEC}, shapes=shapes)]
    for items in batches:
        entries = [item for item in items if isinstance(item, Element)]
        want = Report(
            [expected(entry) for entry in entries], sum(item in BAD for item in items), expected_newest(entries)
        )
        frame = report_of([item if isinstance(item, bytes) else entry_bytes(item) for item in items])
        for decoder in (plain, *fast, *fast):  # twice: shapes are known the second time
            assert decoder.decode(frame, offset=OFFSET, received=RECEIVED) == want


@given(st.binary(max_size=120), st.integers(0, 3))
@settings(max_examples=400, deadline=None)
def test_any_bytes_give_a_report_or_a_violation(data: bytes, copies: int) -> None:
    good = entry_bytes(Element("TagReportData", {}, (Element("EPC_96", {"EPC": bytes(12)}),)))
    decoder = ReportDecoder()
    result = decoder.decode(report_of([good] * copies + [data]), offset=0.0, received=0.0)
    assert len(result.reads) >= copies
    with pytest.raises(ProtocolViolation):
        decoder.decode(data + b"\xff", offset=0.0, received=0.0)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_damaged_report_is_read_alike_by_both_paths(data: st.DataObject) -> None:
    epcs = [Element("EPC_96", {"EPC": bytes([index] * 12)}) for index in range(8)]
    phase = Element("ImpinjRFPhaseAngle", {"PhaseAngle": 2048})
    entries = [
        entry_bytes(Element("TagReportData", {}, (epc, Element("AntennaID", {"AntennaID": 1}), phase))) for epc in epcs
    ]
    victim = bytearray(report_of(entries))
    for _ in range(data.draw(st.integers(1, 3))):
        victim[data.draw(st.integers(HEADER, len(victim) - 1))] = data.draw(st.integers(0, 255))
    fast, plain = ReportDecoder(), ReportDecoder(shapes=0)
    fast.decode(report_of(entries), offset=0.0, received=0.0)
    assert fast.decode(bytes(victim), offset=0.0, received=0.0) == plain.decode(bytes(victim), offset=0.0, received=0.0)


def test_ever_new_shapes_are_not_all_kept() -> None:
    decoder = ReportDecoder(shapes=4)
    for size in range(1, 61):
        epc = Element("EPCData", {"EPC": Bits(size * 8, bytes(size))})
        entry = entry_bytes(Element("TagReportData", {}, (epc,)))
        assert decoder.decode(report_of([entry] * 3), offset=0.0, received=0.0).reads[2].value == bytes(size)


def test_no_report_is_refused() -> None:
    keepalive = bytes.fromhex("043e 0000000a 00000001")
    with pytest.raises(ProtocolViolation):
        ReportDecoder().decode(keepalive, offset=0.0, received=0.0)
    with pytest.raises(ProtocolViolation):
        ReportDecoder().decode(report_of([])[:-1], offset=0.0, received=0.0)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_recorded_case(path: Path) -> None:
    """`hex` is the frame as it came; it gives `report`, and `message` or `violation` (why it is none)."""
    case = json.loads(path.read_text())
    frames = Framer().feed(bytes.fromhex("".join(case["hex"])))
    assert len(frames) == 1
    if "violation" in case:
        with pytest.raises(ProtocolViolation, match=case["violation"]):
            decode(frames[0])
    if "message" in case:
        assert as_json(decode(frames[0])) == case["message"]
    if case.get("conforming", True) and "violation" not in case:
        assert encode(decode(frames[0])) == frames[0]
    if "report" in case:
        decoder = ReportDecoder(case.get("tid_op_specs", ()))
        for _ in range(2):
            report = decoder.decode(frames[0], offset=case["offset"], received=case["received"])
            assert report.bad == case["report"]["bad"]
            assert report.newest == case["report"]["newest"]
            assert [given_fields(read) for read in report.reads] == case["report"]["reads"]


def given_fields(read: Read) -> dict[str, Any]:
    fields = {name: getattr(read, name) for name in Read.__struct_fields__}
    return {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in fields.items()
        if value is not None and name not in ("scheme", "received")
    }


def as_json(node: Message | Element) -> list[Any]:
    def plain(value: Value) -> Any:
        if isinstance(value, Bits):
            return {"bits": value.count, "hex": value.data.hex()}
        if isinstance(value, bytes):
            return value.hex()
        return list(value) if isinstance(value, tuple) else value

    fields = {name: plain(value) for name, value in node.fields.items()}
    return [node.name, fields, *(as_json(child) for child in node.children)]
