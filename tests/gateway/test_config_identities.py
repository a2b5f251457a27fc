"""Identity maps from files: every wrong row at its place, a good file as a table, any bytes without a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Read
from gateway.config import identities
from gateway.config.identities import LONGEST, SHOWN, Mistake, Row, read_csv, read_yaml
from gateway.config.load import ConfigError, Problem, load
from gateway.config.site import Segment
from gateway.identity import mapping
from gateway.identity.resolve import identify

SITE = """\
version: 1
gateway: {id: gw-07, site: dc1}
segments:
  rfid: {uplink: {url: "mqtt://127.0.0.1"}, plain_devices: [llrp], identities: FILE}
read_points:
  aisle: {uri: "urn:epc:id:sgln:9521141.12345.aisle", kind: zone}
devices:
  a: {driver: llrp, segment: rfid, host: 10.0.0.1, read_point: aisle}
"""
PALLET = "urn:epc:id:giai:9521141.pallet7"
TAG = "E2806894000050061C5A1234"


def written(folder: Path, content: str | bytes, name: str = "identities.csv") -> Path:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    site = folder / "site.yaml"
    site.write_text(SITE.replace("FILE", name))
    return site


def rfid(site: Path) -> Segment:
    return load(site).site.segments["rfid"]


def name_of(segment: Segment, epc: str = TAG) -> str | None:
    assert segment.identities is not None
    found = segment.identities.find(identify(Read("epc", bytes.fromhex(epc), 0.0)))
    return None if found is None else found.uri


def problems(site: Path) -> list[Problem]:
    with pytest.raises(ConfigError) as error:
        load(site)
    return error.value.problems


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ids.csv", f"identifier,id\n{TAG},{PALLET}\n"),
        ("ids.csv", f"\ufeffIdentifier;ID\r\n{TAG};{PALLET}\r\n"),
        ("ids.csv", f'# ours\n\nnote\t"id"\tidentifier\n"a ""b"" c"\t{PALLET}\t{TAG}'),
        ("ids.txt", f"identifier,id,note\n{TAG}, {PALLET} \n"),
        ("ids.yaml", f"{TAG}: {PALLET}\n"),
        ("ids.yml", f'# ours\n"{TAG}": "{PALLET}"\nnot-yet: ~\n'),
    ],
)
def test_a_file_as_people_and_spreadsheets_write_it(tmp_path: Path, name: str, content: str) -> None:
    segment = rfid(written(tmp_path, content, name))
    assert segment.identities is not None
    assert len(segment.identities) == 1
    assert name_of(segment) == PALLET


def test_rows_to_be_filled_in_wait(tmp_path: Path) -> None:
    rows = f"identifier,id,first_seen\n{TAG},,2026-11-21\nE2{TAG[2:-1]}5,{PALLET},\nonly\n"
    assert name_of(rfid(written(tmp_path, rows))) is None


WRONG = f"""\
identifier,id
{TAG},{PALLET}
{TAG},urn:epc:id:giai:9521141.other
{TAG[:-1]}5,urn:epc:id:giai:95.1
,{PALLET}
urn:epc:raw:96.xE2,{PALLET}
"E2,{PALLET}
"""


def test_every_wrong_row_is_named_in_one_pass(tmp_path: Path) -> None:
    site = written(tmp_path, WRONG)
    site.write_text(site.read_text().replace("kind: zone", "kind: zoen"))
    first, *found = problems(site)
    assert (first.file, first.line) == (str(site), 6), "the site's own mistakes come first"
    assert {problem.file for problem in found} == {str(tmp_path / "identities.csv")}
    assert [(problem.line, problem.code) for problem in found] == [
        (3, "identity-conflict"),
        (4, "bad-identity"),
        (5, "bad-identity"),
        (6, "bad-identity"),
        (7, "bad-identity"),
    ]
    assert str(found[0]) == (
        f"{tmp_path}/identities.csv:3:1: identity-conflict: '{TAG}' stands in line 2 already, as {PALLET}: remove one "
        "of them"
    )
    assert "no company prefix of 6 to 12 digits" in found[1].text


def test_many_wrong_rows_are_counted(tmp_path: Path) -> None:
    rows = "".join(f"code {number},nothing\n" for number in range(1000))
    found = problems(written(tmp_path, f"identifier,id\n{rows}"))
    assert len(found) == SHOWN + 1
    assert found[-1].text == f"{1000 - SHOWN} more rows are wrong: mend these first"


def test_more_rows_than_there_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping, "MAX_ROWS", 10)
    monkeypatch.setattr(identities, "MAX_ROWS", 10)
    rows = "".join(f"code {number},{PALLET}\n" for number in range(1000))
    [found] = problems(written(tmp_path, f"identifier,id\n{rows}"))
    assert (found.line, found.code, found.text) == (12, "too-many-identities", "more than 10 identifiers")


@pytest.mark.parametrize(
    ("name", "content", "line", "code", "says"),
    [
        ("ids.csv", b"", 1, "empty", "names the columns: identifier,id"),
        ("ids.csv", f"{TAG},{PALLET}\n".encode(), 1, "bad-identity", "names the columns: identifier,id"),
        ("ids.csv", b"identifier,id\na\xff,b\n", 2, "not-utf8", "byte 0xff is not UTF-8"),
        ("ids.csv", b"identifier,id\n" + b"x" * 10**6 + b"\n", 2, "bad-identity", "this is no row"),
        ("ids.csv", f"identifier,id\n3.0E+23,{PALLET}".encode(), 2, "bad-identity", "a spreadsheet took"),
        ("ids.yaml", f"x: {PALLET}\n123: {PALLET}\n".encode(), 2, "wrong-type", "write 123 in quotes"),
        ("ids.yaml", f"x: {PALLET}\nx: {PALLET}\n".encode(), 2, "duplicate-key", "x"),
        ("ids.yaml", b"x: [a]\n", 1, "wrong-type", "expected a GS1 id"),
        ("ids.yaml", b"- x\n", 1, "wrong-type", "expected lines such as"),
        ("ids.yaml", b"x: a\n\tb", 2, "yaml-syntax", "spaces only"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, name: str, content: bytes, line: int, code: str, says: str) -> None:
    [found] = problems(written(tmp_path, content, name))
    assert (found.file, found.line, found.code) == (str(tmp_path / name), line, code)
    assert says in found.text


def test_a_file_that_is_not_there_is_a_mistake_of_the_site(tmp_path: Path) -> None:
    site = written(tmp_path, "")
    (tmp_path / "identities.csv").unlink()
    [found] = problems(site)
    assert (found.file, found.line, found.code) == (str(site), 4, "file-missing")
    (tmp_path / "identities.csv").mkdir()
    assert [problem.code for problem in problems(site)] == ["file-unreadable"]


def test_a_file_without_end_is_not_read_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identities, "LARGEST", 2**20)
    site = written(tmp_path, "")
    with (tmp_path / "identities.csv").open("wb") as file:
        file.truncate(2**40)
    found = problems(site)
    assert [problem.code for problem in found] == ["file-unreadable"]
    assert "more than 1 MiB" in found[0].text


def test_only_the_maps_that_are_needed_are_read(tmp_path: Path) -> None:
    site = written(tmp_path, "")
    assert load(site, identities=False).site.segments["rfid"].identities is None
    assert load(site, segments=["other"]).site.segments["rfid"].identities is None


def test_a_file_that_is_as_it_was_is_not_taken_apart_again(tmp_path: Path) -> None:
    site = written(tmp_path, f"identifier,id\n{TAG},{PALLET}\n")
    before = load(site).site
    assert load(site, before=before).site.segments["rfid"].identities is before.segments["rfid"].identities
    written(tmp_path, f"identifier,id\n{TAG},urn:epc:id:giai:9521141.other\n")
    assert name_of(load(site, before=before).site.segments["rfid"]) == "urn:epc:id:giai:9521141.other"
    assert name_of(before.segments["rfid"]) == PALLET


LINES = st.lists(
    st.one_of(
        st.binary(max_size=80),
        st.sampled_from([b"identifier,id", b"id;identifier", f"{TAG},{PALLET}".encode(), b'"', b",,,", b"#", b"\x00"]),
        st.text(max_size=40).map(str.encode),
    ),
    max_size=12,
)


@given(LINES.map(b"\n".join))
def test_any_bytes_are_rows_or_mistakes(data: bytes) -> None:
    lines = data.splitlines(keepends=True)
    count = 0
    for found in read_csv(lines):
        assert 1 <= found.line <= max(1, len(lines))
        assert isinstance(found, Mistake) or found.gs1_id
        count += 1
    assert count <= len(lines) + 1
    made, problems = identities._filled(read_csv(lines), mapping.IdentityMap(), "x.csv")
    assert (made is None) == bool(problems)
    for problem in problems:
        assert "\n" not in str(problem)


@given(st.one_of(st.binary(max_size=200), LINES.map(b": ".join)))
def test_any_bytes_of_yaml_are_rows_or_mistakes(data: bytes) -> None:
    for found in read_yaml(data):
        assert isinstance(found, Row | Mistake)


@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30), st.integers(0, 999))
    )
)
def test_what_is_written_is_read(rows: list[tuple[str, int]]) -> None:
    """By the csv module, as a spreadsheet would: what is in quotes too."""
    lines = ["identifier,id"]
    expected = []
    for text, number in rows:
        quoted = '"' + text.replace('"', '""') + '"'
        lines.append(f"{quoted},urn:epc:id:giai:9521141.{number}")
        expected.append((len(lines), text, f"urn:epc:id:giai:9521141.{number}"))
    found = list(read_csv(line.encode() + b"\n" for line in lines))
    assert [(row.line, row.identifier, row.gs1_id) for row in found if isinstance(row, Row)] == expected


def test_a_line_without_end_takes_no_memory(tmp_path: Path) -> None:
    site = written(tmp_path, b"identifier,id\n" + b"x" * (LONGEST + 1) + b"\nE2,nothing\n")
    assert [problem.line for problem in problems(site)] == [2, 3]
