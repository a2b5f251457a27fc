"""The identity map: what was read, however it is written, → the GS1 id it stands for."""

from __future__ import annotations

import re

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from drivers.contract import Read
from gateway.identity import mapping
from gateway.identity.accept import matches
from gateway.identity.epc import decode, encode_link, encode_urn
from gateway.identity.mapping import Conflict, IdentityMap, source
from gateway.identity.named import named
from gateway.identity.resolve import Resolver, identify
from gateway.model import Detailed, Identity

UNKNOWN = bytes.fromhex("E2806894000050061C5A1234")
RAW = "urn:epc:raw:96.xE2806894000050061C5A1234"
PALLET = "urn:epc:id:giai:9521141.pallet7"
BEACON = "urn:readpoint:ibeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0:1:2"


def filled(*rows: tuple[str, str]) -> IdentityMap:
    made = IdentityMap()
    for line, row in enumerate(rows, 2):
        made.add(line, *row)
    made.seal()
    return made


def epc(value: bytes) -> Identity:
    return identify(Read("epc", value, 0.0))


@pytest.mark.parametrize("written", [UNKNOWN.hex(), UNKNOWN.hex().upper(), RAW, RAW.lower().replace("xe", "xE")])
def test_a_tag_nobody_can_decode_gets_its_name(written: str) -> None:
    found = filled((written, PALLET)).find(epc(UNKNOWN))
    assert isinstance(found, Detailed)
    assert (found.uri, found.scheme, found.kind) == (PALLET, "giai", "instance")
    assert found.digital_link == "https://id.gs1.org/8004/9521141pallet7"
    assert found.raw == RAW


def test_a_tag_that_can_be_decoded_is_found_by_each_of_its_names() -> None:
    urn = "urn:epc:id:sgtin:0614141.812345.6789"
    link = decode(encode_urn(urn)).digital_link or ""
    tags = [encode_urn(urn), encode_urn(urn, scheme="sgtin-198"), encode_link(link, "sgtin+")]
    for written in (urn, link, tags[0].hex(), tags[2].hex(), f"urn:epc:raw:96.x{tags[0].hex().upper()}"):
        names = filled((written, PALLET))
        for tag in tags:
            found = names.find(epc(tag))
            assert found is not None
            assert found.uri == PALLET, written


def test_one_object_by_urn_and_by_link_can_be_given_one_name() -> None:
    urn = "urn:epc:id:sgtin:0614141.812345.6789"
    link = decode(encode_urn(urn)).digital_link or ""
    names = filled((link, urn))
    found = names.find(epc(encode_link(link, "sgtin+")))
    assert found is not None
    assert found.uri == urn
    assert names.find(epc(encode_urn(urn))) is None, "it has that name already"


def test_an_afi_makes_another_identifier() -> None:
    names = filled(("urn:epc:raw:96.xa2.xe2806894000050061c5a1234", PALLET))
    assert names.find(identify(Read("epc", UNKNOWN, 0.0, pc=0x31A2))) is not None
    assert names.find(epc(UNKNOWN)) is None


@pytest.mark.parametrize("written", [BEACON, BEACON.upper().replace("URN:READPOINT:IBEACON", "urn:readpoint:ibeacon")])
def test_beacons_in_any_case(written: str) -> None:
    found = filled((written, PALLET)).find(identify(Read("beacon", BEACON.encode(), 0.0)))
    assert isinstance(found, Detailed)
    assert found.raw == BEACON


@pytest.mark.parametrize("kind", ["ble:name", "ble:kontakt", "eddystone:url"])
def test_beacons_whose_names_differ_by_case(kind: str) -> None:
    names = filled((f"urn:readpoint:{kind}:pallet", PALLET))
    assert names.find(identify(Read("beacon", f"urn:readpoint:{kind}:pallet".encode(), 0.0))) is not None
    assert names.find(identify(Read("beacon", f"urn:readpoint:{kind}:Pallet".encode(), 0.0))) is None


def test_a_beacons_address() -> None:
    read = Read("beacon", b"urn:readpoint:ble:c0ffee000001", 0.0)
    assert filled(("C0:FF:EE:00:00:01", PALLET)).find(identify(read)) is not None


@pytest.mark.parametrize("scan", ["]A0PALLET 7", "PALLET-7", "https://example.com/p/7"])
def test_codes_as_they_are_scanned_and_as_they_are_listed(scan: str) -> None:
    identity = identify(Read("code", scan.encode(), 0.0))
    for written in (scan, identity.uri):
        assert filled((written, PALLET)).find(identity) is not None


def test_the_resolver_asks_once_and_again_when_the_map_is_another() -> None:
    first, second = filled((RAW, PALLET)), filled((RAW, "urn:epc:id:giai:9521141.other"))
    resolver = Resolver(rename=first.find)
    read = Read("epc", UNKNOWN, 0.0)
    known = resolver.resolve(read)
    assert known.uri == PALLET
    assert resolver.resolve(read) is known
    resolver.replace(second.find)
    assert resolver.resolve(read).uri == "urn:epc:id:giai:9521141.other"
    resolver.replace(None)
    assert resolver.resolve(read).uri == RAW


def test_what_is_mapped_counts_by_its_new_name() -> None:
    found = Resolver(rename=filled((RAW, PALLET)).find).resolve(Read("epc", UNKNOWN, 0.0))
    assert matches(found, ("giai",))
    assert matches(found, ("urn:epc:id:giai:9521141.*",))
    assert matches(found, ("https://id.gs1.org/8004/*",))
    assert not matches(found, ("raw", "urn:epc:raw:*"))


def test_what_a_scan_held_goes_with_it_and_its_quantity_only_to_a_class() -> None:
    scan = Detailed("urn:readpoint:code:X", "code", "code", scan='{"lot":"L1"}', quantity=6.0, uom="KGM")
    to_class = filled(("urn:readpoint:code:X", "https://id.gs1.org/01/80614141123458")).find(scan)
    to_instance = filled(("urn:readpoint:code:X", PALLET)).find(scan)
    assert isinstance(to_class, Detailed)
    assert (to_class.kind, to_class.scan, to_class.quantity, to_class.uom) == ("class", scan.scan, 6.0, "KGM")
    assert isinstance(to_instance, Detailed)
    assert (to_instance.scan, to_instance.quantity, to_instance.uom) == (scan.scan, 1.0, None)


def test_one_identifier_with_two_ids_names_the_first_line() -> None:
    made = IdentityMap()
    made.add(2, RAW, PALLET)
    made.add(3, RAW, PALLET)
    made.add(4, UNKNOWN.hex(), "https://id.gs1.org/8004/9521141pallet7")
    with pytest.raises(Conflict, match=r"stands in line 2 already, as urn:epc:id:giai:9521141\.pallet7"):
        made.add(5, UNKNOWN.hex(), "urn:epc:id:giai:9521141.other")
    assert len(made) == 1


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("", "the identifier is empty"),
        ("urn:epc:raw:64.xE2806894000050061C5A1234", "is no EPC raw URI"),
        ("urn:epc:raw:" + "9" * 5000 + ".xE2", "is no EPC raw URI"),
        ("urn:readpoint:bacon:1", "is none of readpoint's identifiers"),
        ("urn:epc:id:sgtin:1.2.3", "no company prefix"),
        ("3.04258E+23", "a spreadsheet took the identifier for a number"),
    ],
)
def test_what_is_no_identifier_says_why(written: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        source(written)


def test_there_is_an_end_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping, "MAX_ROWS", 2)
    with pytest.raises(OverflowError):
        filled(*((f"code {number}", PALLET) for number in range(3)))


DIGITS = st.text("0123456789", max_size=13)
SERIALS = st.text("01a.;-:9Z", max_size=21) | st.text("01a.;%-/9Z", max_size=21)


@settings(max_examples=500)
@given(st.sampled_from(["sgtin", "sscc", "grai", "giai"]), st.integers(5, 13), st.integers(-1, 1), DIGITS, SERIALS)
def test_an_id_that_is_right_at_first_sight_is_right(
    scheme: str, company: int, more: int, digits: str, serial: str
) -> None:
    """Company prefix, reference and serial of lengths around the right ones."""
    length = {"sgtin": 13, "sscc": 17, "grai": 12, "giai": company}[scheme] + more
    whole = ((digits or "0") * 18)[:length]
    parts = [whole[:company], whole[company:], serial]
    text = f"urn:epc:id:{scheme}:" + ".".join({"sscc": parts[:2], "giai": parts[::2]}.get(scheme, parts))
    event("sure" if mapping._SURE(text) else "looked at")
    if mapping._SURE(text):
        assert named(text).uri == text


@pytest.mark.parametrize(
    "text",
    [
        "urn:epc:id:sgtin:0614141.812345.6789",
        "urn:epc:id:sgtin:0614141.812345.00a.b",
        "urn:epc:id:sscc:952012.03456789123",
        "urn:epc:id:grai:0614141.12345.400",
        "urn:epc:id:grai:061414112345..4.5",
        "urn:epc:id:giai:9521141.pallet7",
    ],
)
def test_common_ids_are_right_at_first_sight(text: str) -> None:
    assert mapping._SURE(text)
    assert named(text).uri == text


@given(st.dictionaries(st.binary(min_size=12, max_size=12), st.integers(0, 10**6), max_size=3000))
def test_it_holds_what_a_dictionary_does(rows: dict[bytes, int]) -> None:
    """Of many beginnings too: each serial's item is another."""
    ids = {tag: f"urn:epc:id:grai:0614141.{number % 100_000:05}.{number}" for tag, number in rows.items()}
    made = filled(*((tag.hex(), ids[tag]) for tag in rows))
    for tag in rows:
        found = made.find(epc(tag))
        assert epc(tag).uri == ids[tag] if found is None else found.uri == ids[tag]


def test_ids_whose_beginnings_are_all_different(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping, "_HEADS", 3)
    rows = [(f"code {number}", f"urn:epc:id:grai:0614141.{number:05}.7") for number in range(20)]
    made = filled(*rows)
    for written, wanted in rows:
        found = made.find(identify(Read("code", written.encode(), 0.0)))
        assert found is not None
        assert found.uri == wanted


def test_a_row_takes_some_thirty_bytes() -> None:
    rows = 20_000
    made = filled(*((f"{number:024X}", f"urn:epc:id:giai:9521141.{number}") for number in range(rows)))
    assert len(made) == rows
    assert made.size / rows < 48
