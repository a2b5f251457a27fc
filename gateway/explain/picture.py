"""A trace as a picture: what each antenna heard, what was weighed, what was decided, on one axis of time. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import tzinfo

from gateway.explain import doors, svg
from gateway.explain.axes import FAINT, GRID, Level, Time
from gateway.explain.clock import clock, day, label, lasting
from gateway.explain.reasons import Reasons
from gateway.explain.trace import Seen, Trace
from gateway.location.floor import NO_LEVEL

WIDTH, LEFT, RIGHT = 960.0, 62.0, 168.0
HEARD, WEIGHED, BAND, GAP = 190.0, 130.0, 26.0, 34.0
_WRAP = 148
MANY = 3000
"""Reads from which on one place has one dot, and points from which on a line leaves some out."""

TOLD = 40
"""Events that have a number and words."""

_SILENCE = 3.0
"""Seconds without a look at what is weighed over which no line is drawn."""


class Picture:
    """Draws one trace from top to bottom; `y` is how far it has come."""

    def __init__(self, trace: Trace, zone: tzinfo, title: str = "") -> None:
        self._trace = trace
        self._zone = zone
        self._reasons = Reasons(trace, zone)
        self._title = title or f"Why {trace.identity.uri} is where it is"
        self._time = Time(trace.begin, max(trace.end, trace.begin + 1.0), LEFT, WIDTH - LEFT - RIGHT)
        self._parts: list[str] = []
        self._y = 0.0
        self._top = 0.0
        self._events = trace.decided
        antennas = sorted({(one.read_point, one.device, str(one.antenna or "")) for one in trace.reads})
        self._series = {(device, antenna): at for at, (_, device, antenna) in enumerate(antennas)}
        names = [name for name, point in trace.rules.read_points.items() if point.kind == "zone"]
        self._colour = {name: svg.COLOURS[at % len(svg.COLOURS)] for at, name in enumerate(names)}

    def draw(self) -> str:
        """The whole file."""
        self._head()
        self._heard()
        if self._trace.weighed:
            self._weighed()
        self._bands()
        self._ticks()
        over = self._marks()
        self._texts()
        return svg.document(WIDTH, self._y + 8, self._title, [*self._parts, *over])

    def _head(self) -> None:
        trace = self._trace
        self._parts.append(svg.text(LEFT, 24, self._title, size=15))
        names = ", ".join((trace.identity.uri, *trace.values[:2]))
        self._parts.append(svg.text(LEFT, 42, f"{names}; {day(trace.begin, self._zone)}", size=11, colour=FAINT))
        self._top = self._y = 76.0

    # What was heard

    def _heard(self) -> None:
        levels = [one.level for one in self._trace.reads if one.level is not None]
        scale = Level.around(levels, self._y, HEARD)
        self._unobserved(self._y, HEARD)
        self._parts += scale.grid(self._time, "dBm")
        self._floors(scale)
        self._middles(scale)
        self._legend("RSSI of each antenna", self._y)
        for at, ((device, antenna), series) in enumerate(self._series.items()):
            mine = [one for one in self._trace.reads if (one.device, str(one.antenna or "")) == (device, antenna)]
            self._parts.append(svg.marks(self._points(mine, scale, used=True), series))
            self._parts.append(svg.marks(self._points(mine, scale, used=False), series, hollow=True))
            self._antenna(mine[0], series, self._y + 18 + 15 * at)
        self._y += HEARD + GAP

    def _points(self, reads: list[Seen], scale: Level, *, used: bool) -> Iterator[tuple[float, float]]:
        drawn = set()
        digits = 1 if len(self._trace.reads) < MANY else None
        for one in reads:
            if bool(one.unused) != used:
                level = one.level if one.level is not None and one.level > NO_LEVEL else scale.low
                place = float(round(self._time.x(one.time), digits)), float(round(scale.y(level), digits))
                if place not in drawn:
                    drawn.add(place)
                    yield place

    def _antenna(self, seen: Seen, series: int, y: float) -> None:
        x = WIDTH - RIGHT + 14
        where = " ".join(word for word in (seen.read_point or "no read point", seen.side) if word)
        self._parts.append(svg.marks([(x, y - 4)], series))
        said = f"{label(seen.device, seen.antenna)} {where}"
        self._parts.append(svg.text(x + 8, y, textwrap.shorten(said, 27, placeholder="…"), size=11))

    def _floors(self, scale: Level) -> None:
        """Thresholds below which a read decides nothing."""
        rules = self._trace.rules
        heard = {(one.device, one.antenna) for one in self._trace.reads}
        floors = {
            rules.read_points[port.read_point].rssi_floor_dbm if port.rssi_floor_dbm is None else port.rssi_floor_dbm
            for port in rules.ports
            if (port.device, port.antenna) in heard
            or (port.antenna is None and port.device in {one for one, _ in heard})
        }
        for floor in sorted(one for one in floors if one is not None and scale.low <= one <= scale.high):
            y = scale.y(floor)
            self._parts.append(svg.line(LEFT, y, LEFT + self._time.width, y, "#b00020", dash="5 4"))
            self._parts.append(svg.text(LEFT + 4, y - 4, f"rssi_floor_dbm {floor:g}", size=10, colour="#b00020"))

    def _middles(self, scale: Level) -> None:
        """Of each side of a door: when the object was in the middle of its reads."""
        bottom = scale.top + scale.height
        for run in doors.runs(self._trace):
            sides = [(one, name) for one, name in ((run.outside, "outside"), (run.inside, "inside")) if one is not None]
            for at, (flank, name) in enumerate(sorted(sides, key=lambda side: side[0].middle)):
                x = self._time.x(flank.middle)
                self._parts.append(svg.line(x, scale.top, x, bottom, "#444444", dash="2 3"))
                place = (x - 3, "end") if at == 0 else (x + 3, "start")
                self._parts.append(svg.text(place[0], bottom - 4, name, size=10, colour="#444444", anchor=place[1]))

    # What was weighed

    def _weighed(self) -> None:
        trace = self._trace
        needed = [
            (one.time, own + trace.point(one.here).hysteresis_db)
            for one in trace.weighed
            if one.here is not None and len(one.zones) > 1 and (own := one.of(one.here)) is not None
        ]
        levels = [level for one in trace.weighed for _, level in one.zones]
        scale = Level.around([*levels, *(level for _, level in needed)], self._y, WEIGHED)
        self._unobserved(self._y, WEIGHED)
        self._parts += scale.grid(self._time, "dB")
        self._legend("what is weighed, by zone", self._y)
        zones = sorted({zone for one in trace.weighed for zone, _ in one.zones})
        for at, zone in enumerate(zones):
            found = [(one.time, level) for one in trace.weighed if (level := one.of(zone)) is not None]
            self._lines(found, scale, self._colour[zone])
            self._key(zone, self._colour[zone], self._y + 18 + 15 * at)
        if needed:
            self._lines(needed, scale, "#555555", dash="3 3")
            self._key("what a move needs", "#555555", self._y + 18 + 15 * len(zones), dash="3 3")
        self._y += WEIGHED + GAP

    def _lines(self, found: list[tuple[float, float]], scale: Level, colour: str, dash: str = "") -> None:
        """Through the points, not over silences."""
        found = found[:: 1 + len(found) // MANY]
        run: list[tuple[float, float]] = []
        before = found[0][0] if found else 0.0
        for time, level in [*found, (float("inf"), 0.0)]:
            if time - before > _SILENCE and run:
                if len(run) > 1:
                    self._parts.append(svg.path(run, colour, dash=dash))
                run = []
            if time < float("inf"):
                run.append((self._time.x(time), scale.y(level)))
            before = time

    def _key(self, said: str, colour: str, y: float, dash: str = "") -> None:
        x = WIDTH - RIGHT + 10
        self._parts.append(svg.line(x, y - 4, x + 10, y - 4, colour, width=2, dash=dash))
        self._parts.append(svg.text(x + 14, y, textwrap.shorten(said, 26, placeholder="…"), size=11))

    def _legend(self, said: str, y: float) -> None:
        self._parts.append(svg.text(WIDTH - RIGHT + 8, y, said, size=11, colour=FAINT))

    def _unobserved(self, top: float, height: float) -> None:
        for one in self._trace.outages:
            x, end = self._time.x(one.begin), self._time.x(one.end)
            said = f"{label(one.device, one.antenna)} {one.state}"
            self._parts.append(svg.box(x, top, end - x, height, "url(#unseen)", hint=said))
            if end - x > 7 * len(said):
                self._parts.append(svg.text((x + end) / 2, top + 14, said, size=11, colour=FAINT, anchor="middle"))

    # What was decided

    def _bands(self) -> None:
        spans = list(self._trace.spans())
        if spans or self._trace.weighed:
            self._band("decided zone")
            for begin, end, zone in spans:
                self._stretch(begin, end, zone, self._colour.get(zone, "#888888"))
            self._y += BAND + 8
        for name, point in self._trace.rules.read_points.items():
            if point.gate is not None and any(one.read_point == name for one in self._trace.gates):
                self._band(f"gate of {name}")
                for begin, end in self._open(name, point.gate.hold):
                    self._stretch(begin, end, "open", "#009e73")
                self._y += BAND + 8
            if point.kind == "checkpoint" and any(one.read_point == name for one in self._trace.reads):
                self._quiet(name, point.dedup if self._trace.identity.kind == "instance" else point.dedup_class)

    def _quiet(self, name: str, window: float) -> None:
        """For how long a checkpoint tells nothing more of it."""
        times = sorted(one.time for one in self._trace.reads if one.read_point == name and not one.unused)
        self._band(f"{name}: quiet")
        begin = None
        for at, time in enumerate(times):
            begin = time if begin is None else begin
            if at + 1 == len(times) or times[at + 1] - time >= window:
                self._stretch(begin, time + window, f"until unseen for {lasting(window)}", "#7a5c00")
                begin = None
        self._y += BAND + 8

    def _open(self, name: str, hold: float) -> Iterator[tuple[float, float]]:
        since = None
        for one in (one for one in self._trace.gates if one.read_point == name):
            if one.on and since is None:
                since = one.time
            elif not one.on:
                yield self._trace.begin if since is None else since, one.time + hold
                since = None
        if since is not None:
            yield since, self._trace.end

    def _band(self, said: str) -> None:
        self._parts.append(svg.box(LEFT, self._y, self._time.width, BAND, "#f6f6f6"))
        self._parts.append(
            svg.text(WIDTH - RIGHT + 8, self._y + 17, textwrap.shorten(said, 28, placeholder="…"), size=11)
        )

    def _stretch(self, begin: float, end: float, said: str, colour: str) -> None:
        x, until = self._time.x(begin), self._time.x(end)
        self._parts.append(svg.box(x, self._y, until - x, BAND, colour, opacity=0.35, hint=said))
        if until - x > 6.6 * len(said):
            self._parts.append(svg.text((x + until) / 2, self._y + 17, said, anchor="middle"))

    def _ticks(self) -> None:
        for time, said in self._time.ticks(self._zone):
            x = self._time.x(time)
            self._parts.insert(0, svg.line(x, self._top, x, self._y, GRID))
            self._parts.append(svg.text(x, self._y + 12, said, size=11, colour=FAINT, anchor="middle"))
        self._y += 36

    def _marks(self) -> list[str]:
        """Each event's time through all panels, its number above; a thin line leads to when it was decided."""
        bottom, drawn = self._y - 36, []
        places: list[float] = []
        for index, one in enumerate(self._events, 1):
            x, decided = self._time.x(one.transition.time), self._time.x(one.transition.decided)
            level = sum(1 for place in places[-3:] if abs(place - x) < 18) % 2
            y = self._top - 8 - 15 * level
            places.append(x)
            drawn.append(svg.line(x, y + 6, x, bottom, "#111111", width=1.2 if index <= TOLD else 0.4))
            if index > TOLD:
                continue
            if decided - x > 3:
                drawn.append(svg.line(x, y + 2, decided, y + 2, "#111111", dash="1 2"))
                drawn.append(svg.line(decided, y - 2, decided, y + 6, "#111111"))
            drawn.append(f"<circle cx='{svg.number(x)}' cy='{svg.number(y)}' r='7.5' fill='#111111'/>")
            drawn.append(svg.text(x, y + 4, str(index), size=10, colour="#ffffff", anchor="middle"))
        return drawn

    def _texts(self) -> None:
        for index, one in enumerate(self._events[:TOLD], 1):
            self._paragraph(f"{index}  {clock(one.transition.time, self._zone)}  {self._reasons.event(one)}")
        if len(self._events) > TOLD:
            self._paragraph(f"and {len(self._events) - TOLD} more: look at less of it, with --from and --to")
        for note in self._reasons.notes():
            self._paragraph(f"•  {note}")

    def _paragraph(self, said: str) -> None:
        for at, row in enumerate(textwrap.wrap(said, _WRAP)):
            self._parts.append(svg.text(LEFT + (18 if at else 0), self._y, row))
            self._y += 16
        self._y += 3


def draw(trace: Trace, zone: tzinfo, title: str = "") -> str:
    """One trace as an SVG file."""
    return Picture(trace, zone, title).draw()
