"""A PostgreSQL of a test's own: its folder, its process, a Unix socket, no port."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
BIN = _INSTALLED[-1].parent if _INSTALLED else None
"""Where Debian puts the newest server; None where there is none."""

_BOUND = 60.0


@contextmanager
def postgres() -> Iterator[str]:
    """Its address, `postgresql://…`, with an empty database; the server ends, and its folder goes, with the test."""
    assert BIN is not None
    folder = Path(tempfile.mkdtemp(prefix="readpoint-postgres-"))  # a socket's path is at most 107 bytes
    try:
        user = _owner(folder)
        data = folder / "data"
        _run(user, BIN / "initdb", "-D", data, "-U", "central", "--auth=trust", "--encoding=UTF8", "--locale=C", "-N")
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        _run(user, BIN / "pg_ctl", "-D", data, "-w", "-t", "60", "-l", folder / "log", "-o", options, "start")
        try:
            yield f"postgresql://central@/postgres?host={folder}"
        finally:
            os.kill(int((data / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
            _run(user, BIN / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop", check=False)
    finally:
        shutil.rmtree(folder)


def _owner(folder: Path) -> str | None:
    """The user of the server: it refuses to run as root."""
    if os.getuid() != 0:
        return None
    owner = next(name for name in ("postgres", "nobody") if _known(name))
    shutil.chown(folder, owner)
    return owner


def _known(name: str) -> bool:
    try:
        return bool(pwd.getpwnam(name))
    except KeyError:
        return False


def _run(user: str | None, *words: str | Path, check: bool = True) -> None:
    done = subprocess.run(
        [str(word) for word in words],
        user=user,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if "start" not in words else subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=_BOUND,
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"},
    )
    assert done.returncode == 0 or not check, f"{words[0]}: {done.stdout}"
