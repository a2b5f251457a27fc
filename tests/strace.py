"""strace(1) on a process: faults put into its system calls, and a log of what it asked of the kernel."""

from __future__ import annotations

import re
import select
import shutil
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

STRACE = shutil.which("strace")
_BOUND = 60.0
_CALL = re.compile(rb"^(\d+) +(?:<\.\.\. )?(\w+)", re.MULTILINE)


@cache
def forbidden() -> str | None:
    """Why it cannot be used here; None where it can."""
    if STRACE is None:
        return "strace is not installed: apt-get install strace"
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with attached(child.pid, "-e", "trace=none"):
            return None
    except PermissionError as error:
        return f"strace may not trace here: {error}"
    finally:
        child.communicate(b"\n")


@contextmanager
def attached(process: int, *options: str, log: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Trace it and all threads it begins, from when the body is entered. PermissionError where that may not be."""
    assert STRACE is not None
    tracer = subprocess.Popen(
        [STRACE, "-f", *options, "-o", str(log or "/dev/null"), "-p", str(process)],
        stderr=subprocess.PIPE,
    )
    assert tracer.stderr is not None
    try:
        assert select.select([tracer.stderr], [], [], _BOUND)[0], "strace does not attach"
        said = tracer.stderr.readline()
        if b"attached" not in said:
            raise PermissionError(said.decode().strip())
        yield tracer
    finally:
        if tracer.poll() is None:
            tracer.send_signal(signal.SIGTERM)  # it lets go, and ends
        tracer.communicate(timeout=_BOUND)


def ended(tracer: subprocess.Popen[bytes]) -> None:
    """Until it has nothing left to trace, and its log is whole."""
    tracer.wait(_BOUND)


def calls(log: Path) -> dict[str, int]:
    """How often each system call was asked for by the thread that did so most: strace counts by thread."""
    by_thread: dict[bytes, Counter[bytes]] = defaultdict(Counter)
    for line in log.read_bytes().splitlines():
        if (found := _CALL.match(line)) is not None and b" resumed>" not in line[:60]:
            by_thread[found[1]][found[2]] += 1
    most: dict[str, int] = {}
    for counts in by_thread.values():
        for name, count in counts.items():
            most[name.decode()] = max(count, most.get(name.decode(), 0))
    return most
