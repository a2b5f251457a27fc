"""What systemd hears from the gateway, and what it reads in our units."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.service import notify, watchdog_interval

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "systemd").glob("*.service"))

SITE = """\
version: 1
gateway: {{id: gw-07, site: dc1, state_dir: state, run_dir: run}}
segments:
  rfid: {{uplink: {{url: "mqtt://127.0.0.1:{port}", grace: 100ms}}}}
read_points: {{}}
devices: {{}}
"""


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """systemd's end of the notification socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield end


def test_notifies(heard: socket.socket) -> None:
    assert notify("READY=1")
    assert heard.recv(100) == b"READY=1"


def test_notifies_an_abstract_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"readpoint-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(f"\0{name}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        assert notify("READY=1")
        assert end.recv(100) == b"READY=1"


def test_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    assert not notify("READY=1")


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_watchdog(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], seconds: float | None) -> None:
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert watchdog_interval() == seconds


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_tells_systemd_how_it_is(tmp_path: Path, heard: socket.socket, free_port: int, how: signal.Signals) -> None:
    """Ready, alive again and again, reloading and ready again, stopping; and it ends well, broker or not."""
    site = tmp_path / "site.yaml"
    site.write_text(SITE.format(port=free_port))
    environment = {**os.environ, "WATCHDOG_USEC": "100000"}
    command = [sys.executable, "-m", "gateway", "run", str(site)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE) as process:
        said = until(heard, "READY=1", process)
        said += until(heard, "WATCHDOG=1", process)
        said += until(heard, "WATCHDOG=1", process)
        process.send_signal(signal.SIGHUP)
        said += until(heard, "RELOADING=1", process)
        said += until(heard, "READY=1", process)
        process.send_signal(how)
        said += until(heard, "STOPPING=1", process)
        _, log = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"Traceback" not in log
    assert [word for word in said if word != "WATCHDOG=1"] == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]


def until(heard: socket.socket, word: str, process: subprocess.Popen[bytes]) -> list[str]:
    """What is said up to that word: the first line of each message."""
    said: list[str] = []
    ends = time.monotonic() + 60
    while word not in said:
        assert process.poll() is None
        assert time.monotonic() < ends
        said.append(heard.recv(1000).decode().splitlines()[0])
    return said


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_are_as_the_contract_says(unit: Path) -> None:
    lines = unit.read_text().splitlines()
    for line in ("Type=notify", "WatchdogSec=30", "RestartPreventExitStatus=78", "User=readpoint", "Restart=always"):
        assert line in lines
    assert "ExecReload=/bin/kill -HUP $MAINPID" in lines


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed: apt-get install systemd"
)
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_the_units(unit: Path, tmp_path: Path) -> None:
    """The units as they are, but for the program's place, which need not be installed here."""
    program = tmp_path / "readpoint"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / unit.name.replace("@", "@rfid")
    copy.write_text(unit.read_text().replace("/usr/bin/readpoint", str(program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=60, check=False
    )
    about_us = [line for line in done.stderr.splitlines() if "readpoint" in line]
    assert (about_us, done.returncode) == ([], 0), done.stderr
