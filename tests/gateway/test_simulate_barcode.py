"""`readpoint simulate barcode`: what it scans, and that it speaks where it says."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from pathlib import Path

from gateway.identity.barcode import identify
from gateway.model import Detailed
from simulators.barcode_scanner.labels import labels

READPOINT = (sys.executable, "-m", "gateway", "simulate", "barcode")


def test_its_labels_are_right_and_of_all_kinds() -> None:
    found = [identify(label) for label in islice(labels(), 200)]
    assert {one.scheme for one in found} == {"sscc", "lgtin", "sgtin", "gtin"}
    assert not [one for one in found if isinstance(one, Detailed) and one.scan and "problem" in one.scan]
    assert list(islice(labels(7), 20)) == list(islice(labels(7), 20))


def test_it_scans_what_it_is_told_and_ends(tmp_path: Path) -> None:
    command = [*READPOINT, "--pty", str(tmp_path / "scanner"), "--every", "10ms", "--count", "2", "--code", r"A\x1dB"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.splitlines() == [f"barcode scanner speaks on {tmp_path}/scanner", r"A\x1dB", r"A\x1dB"]
    assert not (tmp_path / "scanner").is_symlink()


def test_a_wrong_address_is_wrong_usage() -> None:
    done = subprocess.run([*READPOINT, "--tcp", "nowhere"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "write HOST:PORT" in done.stderr
