"""YAML as people and enemies write it: a tree with places, or a flaw with a place; never anything else."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.config.document import MAX_BYTES, MAX_NODES, Node, find, parse, plain


def tree(text: str) -> Node:
    root, flaws = parse(text.encode())
    assert flaws == []
    assert root is not None
    return root


def flaw(data: str | bytes) -> tuple[str, int, int]:
    root, flaws = parse(data.encode() if isinstance(data, str) else data)
    assert flaws
    assert root is None or flaws[0].code in {"duplicate-key", "wrong-type", "yaml-tag", "yaml-anchor", "yaml-syntax"}
    return flaws[0].code, *flaws[0].mark


def test_scalars_are_yaml_1_2() -> None:
    text = "a: [no, on, 12:30, 2026-11-21, 0o17, 0x1F, 012, 1e3, .5, true, ~, null, '5', !!str 5, 1_000, +.inf, .]"
    assert plain(tree(text)) == {
        "a": [
            "no",
            "on",
            "12:30",
            "2026-11-21",
            15,
            31,
            12,
            1000.0,
            0.5,
            True,
            None,
            None,
            "5",
            "5",
            "1_000",
            float("inf"),
            ".",
        ]
    }


def test_block_text_and_comments() -> None:
    assert plain(tree("# a comment\na: |\n  two\n  lines\nb: >-\n  one\n  line # not a comment\n")) == {
        "a": "two\nlines\n",
        "b": "one line # not a comment",
    }


def test_everything_has_a_place() -> None:
    root = tree("devices:\n  reader:\n    antennas: {1: aisle-a, 2: [x, y]}\n")
    node, key, path = find(root, ("devices", "reader", "antennas", 2, 1))
    assert (node.value, node.mark, key, path) == ("y", (3, 35), (3, 35), ("devices", "reader", "antennas", 2, 1))
    node, key, path = find(root, ("devices", "reader", "antennas", 1))
    assert (node.mark, key) == ((3, 19), (3, 16))


def test_anchors_and_merge_keys() -> None:
    root = tree("a: &one {x: 1, y: 2}\nb: {<<: *one, y: 3}\nc: {<<: [{z: 9}, *one]}\nd: *one\n")
    assert plain(root) == {
        "a": {"x": 1, "y": 2},
        "b": {"y": 3, "x": 1},
        "c": {"z": 9, "x": 1, "y": 2},
        "d": {"x": 1, "y": 2},
    }
    assert find(root, ("b", "x"))[0].mark == (1, 13)


def test_a_byte_order_mark_and_windows_lines() -> None:
    root, flaws = parse(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert (root and plain(root), flaws) == ({"a": 1, "b": 2}, [])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("", ("empty", 1, 1)),
        ("# only a comment\n", ("empty", 1, 1)),
        ("---\n...\n", ("empty", 1, 1)),
        ("a: 1\n---\nb: 2\n", ("many-documents", 2, 1)),
        ("a:\n\tb: 1\n", ("yaml-syntax", 2, 1)),
        ("a: b: c\n", ("yaml-syntax", 1, 5)),
        ("a: [1, 2\nb: 3\n", ("yaml-syntax", 2, 2)),
        ('a: "open\n', ("yaml-syntax", 2, 1)),
        ("a: 1\n b: 2\n", ("yaml-syntax", 2, 3)),
        ("a: \x01\n", ("yaml-syntax", 1, 4)),
        (b"ok: 1\na: \xff\xfe\n", ("not-utf8", 2, 4)),
        ("a: 1\nb: 2\na: 3\n", ("duplicate-key", 3, 1)),
        ("a: {x: 1, x: 2}\n", ("duplicate-key", 1, 11)),
        ("a: *nobody\n", ("yaml-anchor", 1, 4)),
        ("a: &a [*a]\n", ("yaml-anchor", 1, 8)),
        ("a: &a\n  b: *a\n", ("yaml-anchor", 2, 6)),
        ("<<: 5\n", ("yaml-anchor", 1, 1)),
        ("a: !!python/object:os.system x\n", ("yaml-tag", 1, 4)),
        ("a: !include secrets.yaml\n", ("yaml-tag", 1, 4)),
        ("? [a, b]\n: 1\n", ("wrong-type", 1, 3)),
        ("true: 1\n", ("wrong-type", 1, 1)),
        ("1.5: x\n", ("wrong-type", 1, 1)),
        (": x\n", ("wrong-type", 1, 1)),
        ("[" * 100_000, ("too-deep", 1, 33)),
        ("a: " + "{a: " * 5000, ("too-deep", 1, 128)),
        ("- " * 5000, ("too-deep", 1, 65)),
        (b"x" * (MAX_BYTES + 1), ("too-large", 1, 1)),
        ("a: '\\U00110000'\nb: \"é\\U00110000\"\n", ("yaml-syntax", 2, 6)),
        ('a: 1\nb: "x\\ud800"\n', ("yaml-syntax", 2, 4)),
        ('a: 1\n"\\ud83d\\ude00": 2\n', ("yaml-syntax", 2, 1)),
    ],
)
def test_flaws_have_a_code_and_a_place(data: str | bytes, expected: tuple[str, int, int]) -> None:
    assert flaw(data) == expected


def test_every_repeated_key_is_found() -> None:
    _, flaws = parse(b"a: 1\na: 2\nb: {x: 1, x: 2}\nb: 3\n")
    assert [(f.code, f.mark) for f in flaws] == [
        ("duplicate-key", (2, 1)),
        ("duplicate-key", (3, 11)),
        ("duplicate-key", (4, 1)),
    ]


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        bomb(12),
        "a: &a {" + ", ".join(f"k{n}: 1" for n in range(2000)) + "}\nb: [" + "{<<: *a}, " * 2000 + "]",
        "a: &a {" + ", ".join(f"k{n}: 1" for n in range(2000)) + "}\nb: {<<: [" + "*a, " * 2000 + "]}",
        "[" + "x," * (MAX_NODES + 1) + "]",
    ],
    ids=["aliases", "merges", "merge-list", "flat"],
)
def test_bombs_are_refused(text: str) -> None:
    assert flaw(text)[0] == "too-large"


def test_a_chain_of_aliases_is_too_deep() -> None:
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 100))]
    assert flaw("\n".join(lines))[0] == "too-deep"


PIECES = [
    *(
        "a",
        "b: ",
        ": ",
        "- ",
        "? ",
        "{",
        "}",
        "[",
        "]",
        ",",
        "&x ",
        "*x",
        "<<: ",
        "!!str ",
        "!t ",
        "'",
        '"',
        "#",
        "---",
    ),
    *("...", "\\", "\\ud800", "\\UFFFFFFFF", "~", "0x", "1e999", "@", "`", "é", "😀"),
]
BREAKS = ["\n", "\n  ", "\t", "|\n", ">-\n ", "%YAML 1.1\n", "%TAG ! x\n", "\0", "\x85", "\ufeff", "9" * 50]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES + BREAKS), max_size=40).map("".join) | st.text(max_size=60))
@example('a: "\\UFFFFFFFF"')
@example("%YAML 9.9\n---\na: 1")
@example("%TAG ! a\n%TAG ! b\n--- !x a")
def test_any_text_gives_a_tree_or_a_flaw(text: str) -> None:
    root, flaws = parse(text.encode("utf-8", "surrogatepass"))
    assert root is not None or flaws
    if root is not None:
        repr(plain(root)).encode()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_tree_or_a_flaw(data: bytes) -> None:
    root, flaws = parse(data)
    assert root is not None or flaws
