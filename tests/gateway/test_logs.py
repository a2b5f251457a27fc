"""Lines for a person and for the journal: a sentence, its fields, and the priority of sd-daemon(3)."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import logs
from gateway.logs import configure, get_logger


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet: None) -> Iterator[TextIO]:
    """A file that systemd would have said is the journal: JOURNAL_STREAM is its device and inode (systemd.exec(5))."""
    with (tmp_path / "journal").open("w+") as stream:
        found = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        yield stream


@pytest.fixture
def quiet() -> Iterator[None]:
    """What the test sets up is undone."""
    named = [logging.getLogger(name) for name in ("", "gateway", "drivers")]
    before = [(one, one.level, list(one.handlers)) for one in named]
    yield
    for one, level, handlers in before:
        one.setLevel(level)
        one.handlers[:] = handlers


def said(stream: TextIO) -> list[str]:
    stream.flush()
    stream.seek(0)
    return stream.read().splitlines()


def test_the_journal_hears_priorities(journal: TextIO) -> None:
    configure(journal)
    log = get_logger("gateway.test")
    log.info("uplink: online again", seconds=12.5, segment="rfid")
    log.warning("dock: offline", device="dock 1", cause="")
    log.error("100% of %s", given=None)
    log.debug("connecting")
    logging.getLogger("bleak").info("scanning")
    logging.getLogger("bleak").warning("an adapter is %s", "gone")
    assert said(journal) == [
        "<6>uplink: online again seconds=12.5 segment=rfid",
        '<4>dock: offline device="dock 1"',
        "<3>100% of %s",
        "<4>an adapter is gone logger=bleak",
    ]


def broken(words: str) -> None:
    raise LookupError(words)


def test_each_line_of_a_traceback_has_the_priority_of_its_error(journal: TextIO) -> None:
    configure(journal)
    try:
        broken("first\nsecond")
    except LookupError:
        get_logger("gateway.test").exception("bug in a driver", device="dock")
    lines = said(journal)
    assert lines[0] == "<3>bug in a driver device=dock"
    assert {line[:3] for line in lines} == {"<3>"}
    assert "<3>LookupError: first" in lines


def test_elsewhere_a_line_has_its_time_and_level(quiet: None) -> None:
    stream = io.StringIO()
    configure(stream, verbose=True)
    get_logger("gateway.test").debug("dock: connecting", device="dock")
    assert said(stream)[0].endswith("Z DEBUG dock: connecting device=dock")


def test_a_terminal_obeys_nothing_that_is_said(quiet: None) -> None:
    """Words of a library or of an exception may be those of a device: colours, a cleared screen, a title."""
    evil = "\x1b[2J\x1b]0;owned\x07 \x9b31m"
    stream = io.StringIO()
    configure(stream)
    try:
        broken(evil)
    except LookupError:
        get_logger("gateway.test").exception(f"{evil}\n{evil}", cause=evil)
    assert all(line.isprintable() for line in said(stream))
    assert [line for line in said(stream) if line.startswith("LookupError:")] == ["LookupError:  [2J ]0;owned   31m"]


@given(st.text(max_size=50), st.one_of(st.none(), st.text(max_size=50), st.integers(), st.floats()))
def test_whatever_is_said_is_one_line(sentence: str, value: object) -> None:
    record = {"event": sentence.splitlines()[0] if sentence.splitlines() else "", "value": value}
    assert len(logs._text(dict(record)).splitlines()) <= 1  # as `_prioritized` splits it


def test_a_gateway_that_logs_brings_no_console_along() -> None:
    """rich is 4 MB of memory that a service has no use for; a command that shows tables may still import it."""
    code = "import sys, gateway.segment; assert 'rich' not in sys.modules; import rich.table"
    subprocess.run([sys.executable, "-c", code], check=True)
