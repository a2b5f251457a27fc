"""Scans → identities: GS1's own vectors, the traps of libraries, and whatever bytes there are."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.barcode import LONGEST, identify
from gateway.identity.digital_link import parse as parse_link
from gateway.identity.elements import check, day, faults, parse
from gateway.identity.epc import decode
from gateway.model import Detailed, Identity

GS = "\x1d"
VECTORS = "gs1_syntax_engine_vectors.json"
LINK = "https://id.gs1.org"


@pytest.fixture(scope="session")
def vectors(material: Path) -> dict[str, list[dict[str, Any]]]:
    """Test vectors of GS1's Barcode Syntax Engine; `^` there is an FNC1."""
    found: dict[str, list[dict[str, Any]]] = json.loads((material / "barcode" / VECTORS).read_text())
    return found


def told(found: Identity) -> dict[str, Any]:
    """`observation.scan`."""
    assert isinstance(found, Detailed)
    assert found.scan is not None
    scan: dict[str, Any] = json.loads(found.scan)
    return scan


def strings(fnc1: str) -> dict[str, str]:
    """Element strings in the vectors' notation."""
    return parse(fnc1.removeprefix("^").replace("^", GS))


def is_sound(fnc1: str) -> bool:
    if not fnc1.startswith("^"):
        return False
    try:
        return not faults(strings(fnc1))
    except ValueError:
        return False


def test_scans_of_every_symbology(vectors: dict[str, Any]) -> None:
    for row in vectors["test_testProcessScanData"]:
        sent, data = row["scan_data"], row["data_str"]
        found = identify(sent.encode())
        scan = told(found)
        assert base64.b64decode(scan["raw"]) == sent.encode()
        if not row["valid"]:
            assert found.scheme == "code", sent
        elif data.startswith("^"):
            assert scan["elements"] == strings(data), sent
            assert found.scheme in ("gtin", "lgtin", "upui"), sent
        elif sent[:3] in ("]E0", "]E4"):
            assert found.digital_link == f"{LINK}/01/{data.partition('|')[0].zfill(14)}"
        elif "/01/" in data and "HtTps" not in data:
            assert found.digital_link == f"{LINK}/01/12312312312333"
        else:
            assert found.scheme == "code", sent
            assert "problem" not in scan, sent


def test_what_an_encoder_makes_is_read_again(vectors: dict[str, Any]) -> None:
    for row in vectors["test_testGenerateScanData"]:
        sent, (linear, _, composite) = row["scan_data"], row["data_str"].partition("|")
        if sent is None:
            continue
        scan = told(identify(sent.encode()))
        if row["symbology"] not in ("QR", "DM", "DotCode") and linear.isdigit():
            whole = {"211234567890": "2112345678900"}.get(linear, linear)
            assert scan["elements"] == {"01": whole.zfill(14)} | (strings(composite) if composite else {}), row
        elif linear.startswith("^"):
            assert scan["elements"] == strings(linear) | (strings(composite) if composite else {}), row
        else:
            assert "elements" not in scan, row


def test_element_strings(vectors: dict[str, Any]) -> None:
    rows = [row for row in vectors["test_processAIdata"] if row["fnc1_data"] not in ("buf", "^891234")]
    wrong = [row for row in rows if is_sound(row["fnc1_data"]) != row["valid"]]
    assert not wrong
    rows = [row for row in vectors["test_parseAIdata"] if row["valid"]]
    wrong = [row for row in rows if not is_sound(row["unbracketed_fnc1"])]
    assert not wrong


def bracketed(data: str) -> str:
    """`(01)123(10)ABC` as a scanner sends it."""
    return GS.join(part.replace(")", "", 1) for part in data.split("(")[1:])


def test_values_that_contradict_each_other(vectors: dict[str, Any]) -> None:
    for row in vectors["test_validateAIs"]:
        if "(89)" in row["data"] or "(3338)" in row["data"]:
            continue  # no application identifiers
        scan = told(identify(f"]C1{bracketed(row['data'])}".encode()))
        # Which identifiers must or must not go together is a matter of all symbols on an object, not of one scan.
        assert ("problem" in scan) == (row["fn"] == "validateAIrepeats" and not row["valid"]), row


def test_digital_links(vectors: dict[str, Any]) -> None:
    options = {row["uri"] for row in vectors["test_parseDLuri"] if row["valid"]}
    for row in vectors["test_parseDLuri"]:
        try:
            found = parse_link(row["uri"])
        except ValueError:
            found = None
        if row["valid"] and "89" in (found or {"89": ""}):
            continue  # only by an option that takes identifiers which do not exist
        if row["valid"]:
            assert found == strings(row["fnc1_data"].lstrip("+ ")), row
        elif row["uri"] not in options:  # the same URI under stricter options: zero-suppressed GTINs, words for AIs
            assert found is None, row


def test_digital_links_that_gs1_makes(vectors: dict[str, Any]) -> None:
    for row in vectors["test_testGenerateDLuri"]:
        # There is no AI 89, and a CPID begins with a company prefix, which 0200 has no room for.
        if row["valid"] and "(89)" not in row["bracketed"] and "(8010)0200" not in row["bracketed"]:
            assert parse_link(row["uri"]) == parse(bracketed(row["bracketed"])), row


@pytest.mark.parametrize(
    ("sent", "scheme", "kind", "link"),
    [
        ("]C10109521141123454211A1", "sgtin", "instance", "/01/09521141123454/21/1A1"),
        ("]d2010952114112345410LOT-7\x1d21A/1", "sgtin", "instance", "/01/09521141123454/21/A%2F1"),
        ("]e00109521141123454", "gtin", "class", "/01/09521141123454"),
        ("]Q3010952114112345410AB", "lgtin", "class", "/01/09521141123454/10/AB"),
        ("]C100095201234567891235", "sscc", "instance", "/00/095201234567891235"),
        ("]E09521141123454", "gtin", "class", "/01/09521141123454"),
        ("]E00012345678905", "gtin", "class", "/01/00012345678905"),
        # UPC-E: 0-42100-00526-4 by the first rule, then by each other, and one whose check digit is wrong.
        ("]E004252614", "gtin", "class", "/01/00042100005264"),
        ("]E001234531", "gtin", "class", "/01/00012300000451"),
        ("]E001234543", "gtin", "class", "/01/00012340000053"),
        ("]E001234558", "gtin", "class", "/01/00012345000058"),
        ("]E004252615", "code", "code", None),
        ("]E4952012348", "code", "code", None),
        ("]E495201238", "gtin", "class", "/01/00000095201238"),
        ("]E3952114112345412", "gtin", "class", "/01/09521141123454"),
        ("]I119521141123451", "gtin", "class", "/01/19521141123451"),
        ("9521141123454", "gtin", "class", "/01/09521141123454"),
        ("012345678905", "gtin", "class", "/01/00012345678905"),
        ("095201234567891235", "sscc", "instance", "/00/095201234567891235"),
        ("00095201234567891235", "sscc", "instance", "/00/095201234567891235"),
        ("0109521141123454211A1", "sgtin", "instance", "/01/09521141123454/21/1A1"),
        ("10AB\x1d0109521141123454", "lgtin", "class", "/01/09521141123454/10/AB"),
        ("]C1800309521141123454A7", "grai", "instance", "/8003/09521141123454A7"),
        ("]C1800309521141123454", "grai", "class", "/8003/09521141123454"),
        ("]C180049521141truck12", "giai", "instance", "/8004/9521141truck12"),
        ("]C14149521141123454254dock1", "sgln", "instance", "/414/9521141123454/254/dock1"),
        ("]C14149521141123454\x1d2540", "sgln", "instance", "/414/9521141123454"),
        ("]C12539521141123454A1", "gdti", "instance", "/253/9521141123454A1"),
        ("]C18018952114112345678906", "gsrn", "instance", "/8018/952114112345678906"),
        ("]C18006095211411234540102\x1d21A", "itip", "instance", "/8006/095211411234540102/21/A"),
        ("]C1801095211411B/2\x1d801112", "cpi", "instance", "/8010/95211411B%2F2/8011/12"),
        ("]C180131987654Ad4X4bL5ttr2310c2K", "gmn", "class", "/8013/1987654Ad4X4bL5ttr2310c2K"),
        ("]C10095201234567891235\x1d4109521141123454", "code", "code", None),
        ("]C1410952114112345400095201234567891235", "sscc", "instance", "/00/095201234567891235"),
        ("]Q1https://example.com/x/01/9521141123454/10/a/21/b?17=261231", "sgtin", "instance",
         "/01/09521141123454/21/b"),
        ("HTTPS://EXAMPLE.COM/01/09521141123454", "gtin", "class", "/01/09521141123454"),
        ("https://example.com/shop/article/4711", "code", "code", None),
        ("]Q19521141123454", "code", "code", None),
        ("9521141123455", "code", "code", None),
        ("0109521141123454~", "code", "code", None),
    ],
)  # fmt: skip
def test_what_a_scan_names(sent: str, scheme: str, kind: str, link: str | None) -> None:
    found = identify(sent.encode())
    assert (found.scheme, found.kind, found.digital_link) == (scheme, kind, link and LINK + link)
    assert found.uri == found.digital_link or found.uri.startswith("urn:readpoint:code:")


def test_a_tag_and_a_label_of_one_object_have_one_digital_link() -> None:
    tag = decode(bytes.fromhex("3034257bf7194e4000000001"))
    assert tag.digital_link is not None
    _, gtin, _, serial = tag.digital_link.removeprefix(f"{LINK}/").split("/")
    assert identify(f"]d201{gtin}21{serial}".encode()).digital_link == tag.digital_link


def test_what_else_a_scan_says() -> None:
    sent = b"]C1020952114112345417261231152606003724\x1d10L/1\x1d00095201234567891235"
    assert identify(sent).digital_link == f"{LINK}/00/095201234567891235"
    assert told(identify(sent)) == {
        "aim": "]C1",
        "lot": "L/1",
        "expiry": "2026-12-31",
        "bestBefore": "2026-06-30",
        "contents": {"digitalLink": f"{LINK}/01/09521141123454", "count": 24},
        "elements": {
            "02": "09521141123454",
            "17": "261231",
            "15": "260600",
            "37": "24",
            "10": "L/1",
            "00": "095201234567891235",
        },
        "raw": base64.b64encode(sent).decode(),
    }


@pytest.mark.parametrize(
    ("sent", "quantity", "uom"),
    [
        ("]C10109521141123454", 1.0, None),
        ("]C101095211411234543012", 12.0, None),
        ("]C101995211411234573103001250", 1.25, "KGM"),
        ("]C101995211411234573100000017", 17.0, "KGM"),
        ("]C101995211411234573202001250", 1.0, None),
        ("]C10109521141123454211\x1d3012", 1.0, None),
    ],
)
def test_how_much_one_scan_stands_for(sent: str, quantity: float, uom: str | None) -> None:
    found = identify(sent.encode())
    assert isinstance(found, Detailed)
    assert (found.quantity, found.uom) == (quantity, uom)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ("]C10109521141123455", "check digit of 09521141123455"),
        ("]C100095201234567891230", "check digit of 095201234567891230"),
        ("]C1800309521141123455A7", "check digit"),
        ("]C180131987654Ad4X4bL5ttr2310c2M", "check characters"),
        ("]E09521141123455", "check digit of 9521141123455"),
        ("]C1010952114112345410A\x1d10B", "AI 10 stands twice"),
        ("]C10109521141123454891", "no AI begins '891'"),
        ("]d201095211411234542", "no AI"),
        ("]d20109521141123454\xff", "ASCII"),
        ("https://example.com/01/09521141123455", "check digit"),
        ("https://example.com/01/09521141123454/21/A/10/B", "cannot follow"),
        ("https://example.com/01/09521141123454?10=B", "query"),
        ("https://example.com/01/0952114112345%D9%A4", "AI 01 cannot be"),
    ],
)
def test_what_is_broken_goes_out_as_a_code_and_says_why(sent: str, words: str) -> None:
    value = sent.encode("latin-1")
    found = identify(value)
    assert (found.scheme, found.kind) == ("code", "code")
    assert words in told(found)["problem"]
    assert base64.b64decode(told(found)["raw"]) == value


def test_a_wrong_date_costs_the_date_alone() -> None:
    found = identify(b"]C1010952114112345417261332")
    assert found.digital_link == f"{LINK}/01/09521141123454"
    assert "expiry" not in told(found)
    assert "261332" in told(found)["problem"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("000101", "2000-01-01"),
        ("240200", "2024-02-29"),
        ("261200", "2026-12-31"),
        ("990630", "1999-06-30"),
        ("260230", None),
    ],
)
def test_days(value: str, expected: str | None) -> None:
    found = day(value)
    assert (found and found.isoformat()) == expected


@pytest.mark.parametrize(
    ("uri", "scheme", "kind", "link"),
    [
        ("urn:epc:id:sscc:952012.03456789123", "sscc", "instance", "/00/095201234567891235"),
        ("urn:epc:id:sgtin:9521141.012345.1A%2F1", "sgtin", "instance", "/01/09521141123454/21/1A%2F1"),
        ("urn:epc:id:giai:9521141.truck12", "giai", "instance", "/8004/9521141truck12"),
        ("urn:epc:id:upui:9521141.012345.51qIgY)%3C%26Jp3*j7", "upui", "instance",
         "/01/09521141123454/235/51qIgY%29%3C%26Jp3%2Aj7"),
        ("urn:epc:id:pgln:9521141.12345", "pgln", "instance", "/417/9521141123454"),
        ("urn:epc:id:bic:CSQU3054383", "bic", "instance", None),
        ("urn:epc:class:lgtin:9521141.012345.L.1", "lgtin", "class", "/01/09521141123454/10/L.1"),
        ("urn:epc:idpat:sgtin:9521141.012345.*", "gtin", "class", "/01/09521141123454"),
        ("urn:epc:idpat:grai:9521141.12345.*", "grai", "class", "/8003/09521141123454"),
        ("https://id.gs1.org/01/09521141123454", "gtin", "class", "/01/09521141123454"),
    ],
)  # fmt: skip
def test_names_that_are_given_keep_their_form(uri: str, scheme: str, kind: str, link: str | None) -> None:
    assert identify(uri.encode()) == Identity(uri, scheme, kind, link and LINK + link)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "uri",
    ["urn:epc:id:sgtin:9521141.0123456.1", "urn:epc:idpat:sgtin:9521141.*.*", "urn:epc:class:lgtin:9521141.012345.",
     "urn:epc:id:sgtin:9521141.012345.1%ff", "urn:epc:tag:sgtin-96:1.9521141.012345.1", "urn:epc:id:upui:1.2",
     "urn:epc:"],
)  # fmt: skip
def test_names_that_cannot_be_are_codes(uri: str) -> None:
    found = identify(uri.encode())
    assert found.scheme == "code"


def test_nothing_is_stripped() -> None:
    assert identify(b" A1\x1d ").uri == "urn:readpoint:code:%20A1%1D%20"
    assert identify(b"9521141123454 ").scheme == "code"


def test_what_is_longer_than_any_symbol_goes_out_with_its_digest() -> None:
    found = identify(b"A" * (LONGEST + 1))
    assert found.uri.startswith("urn:readpoint:code:sha-256:")
    assert told(found)["size"] == LONGEST + 1
    assert len(base64.b64decode(told(found)["raw"])) == LONGEST


pieces = st.sampled_from(
    ["]C1", "]d2", "]E0", "]Q1", "]", "01", "09521141123454", "21", "10", "310", "17", GS, "|]e0", "https://a", "/01/",
     "/21/", "?", "=", "%", "%ff", "urn:epc:id:", "urn:epc:class:lgtin:", "sgtin:", "9521141.", ".*", "³",
     "\u0663", "8013", "8006"]
)  # fmt: skip


@given(st.binary(max_size=300) | st.lists(pieces | st.text(max_size=5)).map(lambda some: "".join(some).encode()))
def test_any_bytes_have_a_name(value: bytes) -> None:
    found = identify(value)
    assert found.uri.isascii()
    assert found.uri.isprintable()
    if isinstance(found, Detailed):
        assert base64.b64decode(told(found)["raw"]) == value
    if found.kind == "instance" and found.digital_link is not None:
        assert identify(found.digital_link.encode()).digital_link == found.digital_link


@pytest.mark.parametrize("identifier", ["", "0", "999", "1234", "\u0660\u0661"])
def test_identifiers_that_do_not_exist(identifier: str) -> None:
    with pytest.raises(ValueError, match="no AI"):
        check(identifier, "1")
