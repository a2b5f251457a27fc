"""What the demo shows: counts along the way, what is being done to the gateway just now, and the newest events."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from typing import NamedTuple

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from gateway.demo.caption import TELEMETRY, Caption
from gateway.demo.figures import USUAL, Figures, Gauge, Lane

_COLOURS = {
    "arrived": "green",
    "moved": "cyan",
    "departed": "yellow",
    "passed": "magenta",
    "observed": "blue",
    "loss": "red",
}
_ABOVE = 8
"""Lines that all but counts, devices and events take at 80 columns."""
_SHOWN = ("beam", "motor", "power", "voltage_l1", "latitude", "longitude", "speed")
"""Measured values that stand beside their device, in this order."""
_TALL = 30
"""Lines of a terminal that has room for the devices, too, above the result and the next steps."""


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
        self._measured: dict[str, dict[str, str]] = {}
        self._stage = ""
        self._left = 0.0

    @contextmanager
    def shown(self, stage: str, missing: str | None = None) -> Iterator[None]:
        """The live picture, where there is a terminal; `stage` says in a line who plays, `missing` who cannot."""
        self._stage = stage
        if missing:
            print(missing, file=sys.stderr, flush=True)
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
        """One event arrived at the central service; what was measured stands beside its device."""
        if event.kind == TELEMETRY:
            self._measured.setdefault(event.where, {}).update(event.values)
        else:
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
        lanes, devices = self._lanes(), self._devices()
        room = max(3, self._console.height - 1 - _ABOVE - lanes.row_count - devices.row_count)
        events = Text("\n", no_wrap=True, overflow="ellipsis").join(
            Text(str(event), style=_COLOURS.get(event.kind, "dim")) for event in list(self._events)[-room:]
        )
        return Group(
            Rule(Text(f"readpoint: {self._stage}", style="bold", overflow="ellipsis"), style="dim"),
            lanes,
            devices,
            self._programme(),
            self._now(),
            Panel(events, title="what the central service hears", title_align="left", height=room + 2),
        )

    def _last_picture(self) -> Group:
        """What is left on the terminal: the result and the next steps come below it."""
        above = [self._devices()] if self._console.height >= _TALL else []
        return Group(self._lanes(), *above, Text(f"{self.act.name}: {self.act.watch}", style="dim"))

    def _now(self) -> Panel:
        left = f"{self._left:.0f} s left" if self._left > 0 else None
        return Panel(
            Text(self.act.watch),
            title=self.act.name,
            title_align="left",
            subtitle=left,
            subtitle_align="right",
            border_style="yellow",
            height=4,
        )

    def _lanes(self) -> Table:
        """A segment a row, and their sum."""
        table = Table.grid(expand=True, padding=(0, 1))
        table.add_column(ratio=4)
        for share in (4, 5, 4, 4, 5, 4):
            table.add_column(ratio=share, justify="right", no_wrap=True)
        table.add_column(ratio=6, justify="right", no_wrap=True)
        head = ("segment", "reads", "measured", "decided", "stored", "received", "waiting", "uplink")
        table.add_row(*(Text(word, style="dim") for word in head))
        lanes = self.figures.lanes
        for lane in lanes:
            table.add_row(*_lane(lane))
        if len(lanes) > 1:
            table.add_row(*_lane(self.figures.total), style="bold")
        return table

    def _devices(self) -> Table:
        """All devices, in two columns."""
        table = Table.grid(expand=True, padding=(0, 1))
        for width, share in ((6, 2), (3, 3)):
            table.add_column(no_wrap=True)
            table.add_column(no_wrap=True, justify="right", min_width=width)
            table.add_column(no_wrap=True, overflow="ellipsis", ratio=share, min_width=16)
        cells = [self._device(gauge) for gauge in self.figures.gauges]
        half = (len(cells) + 1) // 2
        for left, right in zip_longest(cells[:half], cells[half:], fillvalue=()):
            table.add_row(*left, *right)
        return table

    def _device(self, gauge: Gauge) -> tuple[Text, Text, Text]:
        """How it is, what it has observed, and what it measures; or else why it does not."""
        known = self._measured.get(gauge.device, {})
        said = " ".join(known[name] for name in _SHOWN if name in known)
        well = gauge.state == "online"
        return (
            Text.assemble(("● ", "green" if well else "bold red"), gauge.device),
            Text(f"{gauge.observed:,}", style="bold"),
            Text(said, style="cyan") if well else Text(gauge.cause or gauge.state, style="red"),
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


def _lane(lane: Lane) -> list[Text]:
    counts = (lane.read, lane.measured, lane.decided, lane.stored, lane.received)
    return [
        Text(lane.segment),
        *(Text(f"{count:,}", style="bold") for count in counts),
        Text(f"{lane.pending:,}", style="bold yellow" if lane.pending > USUAL else "green"),
        Text(lane.uplink, style="green" if lane.uplink == "online" else "bold red"),
    ]
