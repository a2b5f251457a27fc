"""What the demo shows: counts along the way, what is being done to the gateway just now, and the newest events."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gateway.demo.caption import Caption

_COLOURS = {"arrived": "green", "moved": "cyan", "departed": "yellow", "passed": "magenta", "loss": "red"}
_ABOVE = 13
"""Lines that all but the events take at 80 columns."""
_USUAL = 5
"""Events that may wait at any moment while all is well."""


class Figures(NamedTuple):
    """Counts since the demo began; `readers` and `uplink` are their states in words."""

    read: int = 0
    decided: int = 0
    stored: int = 0
    pending: int = 0
    received: int = 0
    duplicates: int = 0
    readers: str = "starting"
    uplink: str = "starting"


class Act(NamedTuple):
    """A part of the demo: what happens, and what to watch."""

    name: str
    watch: str


class Screen:
    """A live picture on a terminal; plain lines on stderr elsewhere. Data goes to stdout, and none is here."""

    def __init__(self, acts: tuple[Act, ...], *, quiet: bool = False, console: Console | None = None) -> None:
        self.act = acts[0]
        self.figures = Figures()
        self._acts = acts
        self._console = console or Console(stderr=True)
        self._quiet = quiet
        self._live: Live | None = None
        self._events: deque[Caption] = deque(maxlen=100)
        self._stage = ""
        self._left = 0.0

    @contextmanager
    def shown(self, stage: str) -> Iterator[None]:
        """The live picture, where there is a terminal; `stage` says in a line who plays."""
        self._stage = stage
        if self._quiet or not self._console.is_terminal:
            print(stage, file=sys.stderr, flush=True)
            yield
            return
        with Live(self.picture(), console=self._console, auto_refresh=False) as live:
            self._live = live
            try:
                yield
            finally:
                live.update(self._last_picture(), refresh=True)
                self._live = None

    def count(self, figures: Figures, left: float) -> None:
        """The counts now, and the seconds that are left."""
        self.figures, self._left = figures, left
        self._refresh()

    def event(self, event: Caption) -> None:
        """One event arrived at the central service."""
        self._events.append(event)
        if self._live is None and not self._quiet:
            print(event, file=sys.stderr)

    def announce(self, act: Act) -> None:
        """What happens now, and what to watch."""
        self.act = act
        if self._live is None:
            print(f"--- {act.name}: {act.watch}", file=sys.stderr, flush=True)
        self._refresh()

    def _refresh(self) -> None:
        if self._live is not None:
            self._live.update(self.picture(), refresh=True)

    def picture(self) -> Group:
        """All of it, in the height of the console."""
        room = max(3, self._console.height - 1 - _ABOVE)
        events = Text("\n", no_wrap=True, overflow="ellipsis").join(
            Text(str(event), style=_COLOURS.get(event.kind, "dim")) for event in list(self._events)[-room:]
        )
        title = Text.assemble((" readpoint:", "bold"), f" {self._stage}", no_wrap=True, overflow="ellipsis")
        return Group(
            title,
            self._flow(),
            self._programme(),
            self._now(),
            Panel(events, title="what the central service hears", title_align="left", height=room + 2),
        )

    def _last_picture(self) -> Group:
        """What is left on the terminal: the result and the next steps come below it."""
        return Group(self._flow(), self._now())

    def _now(self) -> Panel:
        return Panel(Text(self.act.watch), title=self.act.name, title_align="left", border_style="yellow", height=4)

    def _flow(self) -> Panel:
        now = self.figures
        flow = Table.grid(expand=True, padding=(0, 1))
        for share in (3, 1, 4, 1, 3, 1, 3):
            flow.add_column(ratio=share, no_wrap=True)
        arrow = Text("→", style="dim")
        flow.add_row("reads", arrow, "events decided", arrow, "stored", arrow, "received", style="dim")
        counts = [Text(f"{count:,}", style="bold") for count in (now.read, now.decided, now.stored, now.received)]
        flow.add_row(counts[0], "", counts[1], "", counts[2], "", counts[3])
        left = f"{self._left:.0f} s left" if self._left > 0 else None
        return Panel(Group(flow, self._states()), subtitle=left, subtitle_align="right")

    def _states(self) -> Text:
        now = self.figures
        return Text.assemble(
            (f"uplink {now.uplink}", "green" if now.uplink == "online" else "bold red"),
            "   ",
            (f"outbox: {now.pending} waiting", "bold yellow" if now.pending > _USUAL else "green"),
            "   ",
            (now.readers, "green" if now.readers.endswith("online") else "bold red"),
            no_wrap=True,
            overflow="ellipsis",
        )

    def _programme(self) -> Text:
        """The acts in a line: those that were, the one that is, those to come."""
        line = Text(" ", no_wrap=True, overflow="ellipsis")
        style = "green"
        for number, act in enumerate(self._acts):
            if number:
                line.append(" > ", style="dim")
            if act == self.act:
                line.append(act.name, style="bold reverse yellow")
                style = "dim"
            else:
                line.append(act.name, style=style)
        return line
