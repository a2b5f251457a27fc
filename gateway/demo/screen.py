"""What the demo shows: counts along the way, the newest events, and what is being done to the gateway just now."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

STAGES = ("read", "decided", "stored", "received")


class Screen:
    """A live picture on a terminal; plain lines on stderr elsewhere. Data goes to stdout, and none is here."""

    def __init__(self, *, quiet: bool) -> None:
        self._console = Console(stderr=True)
        self._quiet = quiet
        self._live: Live | None = None
        self._counts = dict.fromkeys(STAGES, 0)
        self._events: deque[str] = deque(maxlen=12)
        self._announced = ""
        self._uplink = ""

    @contextmanager
    def shown(self) -> Iterator[None]:
        """The live picture, where there is a terminal."""
        if self._quiet or not self._console.is_terminal:
            yield
            return
        with Live(self._picture(), console=self._console, refresh_per_second=8) as self._live:
            yield
        self._live = None

    def count(self, uplink: str, **counts: int) -> None:
        """How many were read, decided, stored and received so far."""
        self._uplink = uplink
        self._counts.update(counts)
        self._refresh()

    def event(self, line: str) -> None:
        """One event arrived at the central service."""
        self._events.append(line)
        if self._live is None and not self._quiet:
            print(line, file=sys.stderr)
        self._refresh()

    def announce(self, sentence: str) -> None:
        """What happens now, and what to watch."""
        self._announced = sentence
        if self._live is None:
            print(f"--- {sentence}", file=sys.stderr, flush=True)
        self._refresh()

    def _refresh(self) -> None:
        if self._live is not None:
            self._live.update(self._picture())

    def _picture(self) -> Group:
        flow = Table.grid(padding=(0, 3))
        flow.add_row(
            *(Text(f"{name} {self._counts[name]:>7,}", style="bold") for name in STAGES), f"uplink {self._uplink}"
        )
        return Group(
            Panel(flow, title="reader → location engine → outbox → central service", title_align="left"),
            Panel("\n".join(self._events), title="events at the central service", title_align="left", height=14),
            Text(self._announced, style="bold yellow"),
        )
