"""The command as a script meets it, run to its end; and the head of a small site for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

HEAD = """\
version: 1
gateway: {id: gw-07, site: dc1}
segments:
  rfid:
    uplink: {url: "mqtt://127.0.0.1:1883"}
"""
"""One segment without TLS; read points and devices follow."""


def readpoint(*arguments: str | Path, given: bytes = b"") -> tuple[int, str, str]:
    """Exit code, stdout, stderr; no traceback, whatever happens."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *map(str, arguments)],
        input=given,
        capture_output=True,
        timeout=300,
        check=False,
        cwd=ROOT,
    )
    assert b"Traceback" not in done.stderr
    return done.returncode, done.stdout.decode(), done.stderr.decode()
