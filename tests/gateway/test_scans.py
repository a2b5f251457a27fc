"""The file of a count as scanners and spreadsheets save it; what is wrong in it, by line."""

from __future__ import annotations

from contextlib import suppress

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.scans import read_scans

TAGS = ["3074257bf7194e4000001a85", "3034257bf7194e4000000001"]
KEYS = ["https://id.gs1.org/01/80614141123458/21/6789", "https://id.gs1.org/01/80614141123458/21/1"]


@pytest.mark.parametrize(
    "text",
    [
        "{0}\n{1}\n",
        "{0}\r\n\r\n{1}",
        "{0}\r{1}\r",
        "\ufeff{0}\n{1}\n",
        "EPC\n{0}\n{1}\n",
        "Tag\n{0}\n{1}\n",
        "# counted by hand\n\n{0}\n{1}\n",
        "{0};\n{1};;\n",
        '"{0}"\n"{1}"\n',
        '="{0}"\n="{1}"\n',
        "time,epc,rssi\n12:00,{0},-60\n12:01,{1},-61\n12:02,,\n",
        "time;EPC;note\n12:00;{0};a, b\n;{1}\n",
        "sep=;\r\nwho;Id\r\nme;{0}\r\nme;{1}\r\n",
        'id\tplace\n"{0}"\tA\n{1}\tB\n',
        'note,identifier\n"shelf 1, left",{0}\n"a ""b""",{1}\n',
        'epc,note\n="{0}",a\n="{1}",b\n',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_every_habit_of_those_who_save_it(text: str, encoding: str) -> None:
    found = read_scans("scanned.csv", text.format(TAGS[0], TAGS[1]).encode(encoding))
    keys = [one.key for one in found]
    assert keys[0] == KEYS[0]
    assert len(keys) == 2


def test_lines_are_counted_as_an_editor_shows_them() -> None:
    found = read_scans("c", f"\n# a\nepc\n\n{TAGS[0]}\n{TAGS[1]}".encode())
    assert [one.line for one in found] == [5, 6]


def test_a_separator_inside_an_element_string_ends_no_line() -> None:
    [one] = read_scans("c", b"]C1010952114112345421A1\x1d10LOT,1\n")
    assert one.key == "https://id.gs1.org/01/09521141123454/21/A1"


def test_western_letters_of_a_spreadsheet_are_no_fault() -> None:
    [one] = read_scans("c", f"epc;almac\xe9n\n{TAGS[0]};pasillo n\xfamero 1\n".encode("cp1252"))
    assert one.key == KEYS[0]


def test_a_heading_alone_is_a_count_of_nothing() -> None:
    assert read_scans("c", b"epc\n") == []


def refused(data: bytes) -> str:
    with pytest.raises(click.ClickException) as error:
        read_scans("scanned.csv", data)
    return error.value.message


def test_all_wrong_lines_are_named() -> None:
    said = refused(f"epc\n3.07426E+27\n{TAGS[0]}\nurn:epc:id:sgtin:1.2\n".encode())
    assert "scanned.csv:2: '3.07426E+27': a spreadsheet took the identifier for a number" in said
    assert "scanned.csv:4: " in said
    assert "scanned.csv:3" not in said


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\n\n;;\n", "is empty"),
        (b"time,tag,rssi\n1,2,3\n", "scanned.csv:1: no column is named epc, id, "),
        (b'epc,note\nabc,"open\n', "scanned.csv:2: the quotes are wrong"),
        (b"epc\n" + b"9" * 5000, "scanned.csv:2: more than 4096 characters"),
        (b"epc\n" + b"1E+9\n" * 100, "and 80 more lines"),
        (b"x" * (2**26 + 1), "more than 64 MiB"),
        (b"PK\x03\x04\x14\x00\x06\x00", "scanned.csv: this is a workbook: save it as CSV"),
        (b"epc\n\x7fELF\x02\x01\x00\x00", "scanned.csv:2: control characters: this is no text"),
    ],
)
def test_what_cannot_be_a_count_says_why(data: bytes, words: str) -> None:
    assert words in refused(data)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_count_or_refused(data: bytes) -> None:
    with suppress(click.ClickException):
        found = read_scans("c", data)
        assert all(one.key and one.line >= 1 for one in found)
