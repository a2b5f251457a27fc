"""How far something is, on stderr: one line that is written over on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from gateway.describe import printable

EVERY = 5.0
"""Seconds between lines where there is no terminal: enough to see that it lives."""

_OVER = "\r\x1b[2K"


class Progress:
    """Tells what `say` is given; `ticking` asks by itself, once a second. The line is gone when it is left."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = -EVERY
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if self._terminal:
            sys.stderr.write(_OVER)
            sys.stderr.flush()

    def say(self, text: str) -> None:
        """Where it is now, in a few words."""
        if self._terminal:
            sys.stderr.write(_OVER + text)
        elif time.monotonic() - self._last >= EVERY:
            self._last = time.monotonic()
            sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def note(self, text: str) -> None:
        """What stays to be read."""
        sys.stderr.write(f"{_OVER if self._terminal else ''}{printable(text)}\n")
        sys.stderr.flush()

    def ticking(self, text: Callable[[], str]) -> None:
        """From now on say this, as it is then."""

        def tick() -> None:
            while not self._ended.wait(1.0):
                self.say(text())

        self._thread = threading.Thread(target=tick, name="progress", daemon=True)
        self._thread.start()
