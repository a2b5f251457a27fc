"""How segments are, as Prometheus has it: made when it is asked for, from counts that are there anyway.

Names follow prometheus.io/docs/practices/naming: base units, `_total` for what only grows. Labels are names of the site
file and words of ours: never an identifier that was read, never an address.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.overview import LocationView, Overview
from gateway.timing import Histogram
from gateway.uplink.reasons import FAILURE, hexadecimal, remedy
from gateway.uplink.timings import Timings
from gateway.visible.wear import Wear

Row = tuple[Sequence[str], float]


class Seen(NamedTuple):
    """A segment as it is now, and how long its publications took."""

    overview: Overview
    timings: Timings


class Families(Collector):
    """All families of this process. `look` gives the segments that run, `wear` what disks say, `clock` Unix seconds."""

    def __init__(
        self, look: Callable[[], Sequence[Seen]], wear: Callable[[], Sequence[Wear]], clock: Callable[[], float]
    ) -> None:
        self._look = look
        self._wear = wear
        self._clock = clock
        self._duplicates: dict[tuple[str, float], int] = {}

    def describe(self) -> Iterable[Metric]:
        """Nothing is asked when it is registered."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every family, with a sample of each segment."""
        seen = self._look()
        views = [one.overview for one in seen]
        yield from _build(views)
        yield from _reads(views)
        yield self._repeats(views)
        yield from _outbox(views, self._clock())
        yield from _uplink(views)
        yield from _timings(seen)
        yield from _devices(views)
        yield from _host(views, self._wear())

    def _repeats(self, views: Sequence[Overview]) -> Metric:
        """A tag's first read becomes an event a little later: what was counted as a repeat until then stays counted."""
        before, self._duplicates = self._duplicates, {}
        for one in views:
            told = sum(count for kind, count in one.location.events.items() if kind != "departed")
            run = one.segment, one.since
            self._duplicates[run] = max(before.get(run, 0), _taken(one.location) - told)
        help_ = "Reads that were taken and told nothing new: their object was known there."
        rows = [((segment,), count) for (segment, _), count in self._duplicates.items()]
        return _counter("duplicate_reads", help_, ("segment",), rows)


def _taken(location: LocationView) -> int:
    """Reads that a rule weighed."""
    unused: list[int] = [getattr(location, why) for why in UNUSED]
    return location.reads - sum(unused)


UNUSED = ("late", "unplaced", "ignored", "weak", "gated", "refused")
"""Why a read decides nothing: `readpoint status` has the same words."""


def _counter(name: str, help_: str, labels: Sequence[str], rows: Iterable[Row]) -> Metric:
    family = CounterMetricFamily(f"readpoint_{name}", help_, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family


def _gauge(name: str, help_: str, labels: Sequence[str], rows: Iterable[Row]) -> Metric:
    family = GaugeMetricFamily(f"readpoint_{name}", help_, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family


def _each(views: Sequence[Overview], number: Callable[[Overview], float]) -> list[Row]:
    return [((one.segment,), number(one)) for one in views]


SEGMENT = ("segment",)


def _build(views: Sequence[Overview]) -> Iterator[Metric]:
    versions = {one.version for one in views}
    rows = [((version, platform.python_version()), 1.0) for version in sorted(versions)]
    yield _gauge("build_info", "Version of readpoint and of Python.", ("version", "python"), rows)
    started = "When the segment started, in Unix seconds."
    yield _gauge("start_time_seconds", started, SEGMENT, _each(views, lambda one: one.since))


def _reads(views: Sequence[Overview]) -> Iterator[Metric]:
    results: list[Row] = []
    events: list[Row] = []
    for one in views:
        results += [((one.segment, why), getattr(one.location, why)) for why in UNUSED]
        results.append(((one.segment, "taken"), _taken(one.location)))
        events += [((one.segment, kind), count) for kind, count in sorted(one.location.events.items())]
    yield _counter("reads", "Reads, by what became of them.", ("segment", "result"), results)
    yield _counter("events", "Location events decided, by transition.", ("segment", "transition"), events)
    shed = "Reads and measurements for which there was no room in memory."
    yield _counter("shed_observations", shed, SEGMENT, _each(views, lambda one: one.location.dropped))
    strays = "Tags that a portal or checkpoint heard and that did not pass there."
    yield _counter("stray_tags", strays, SEGMENT, _each(views, lambda one: one.location.strays))
    future = "Reads stamped more than a second ahead of this machine's clock."
    yield _counter("future_reads", future, SEGMENT, _each(views, lambda one: one.location.future))
    waiting = "Observations that wait in memory for a decision."
    yield _gauge("inbox_observations", waiting, SEGMENT, _each(views, lambda one: one.location.waiting))
    present = "Objects that are present."
    yield _gauge("present_objects", present, SEGMENT, _each(views, lambda one: one.location.present))


def _outbox(views: Sequence[Overview], now: float) -> Iterator[Metric]:
    states = [
        ((one.segment, state), float(getattr(one.outbox, state)))
        for one in views
        for state in ("pending", "sent", "dead")
    ]
    yield _gauge("outbox_events", "Events in the outbox, by state.", ("segment", "state"), states)

    def age(one: Overview) -> float:
        return 0.0 if one.outbox.oldest is None else max(0.0, now - one.outbox.oldest)

    oldest = "Age of the oldest event that waits for the broker; 0 if none does."
    yield _gauge("outbox_oldest_pending_seconds", oldest, SEGMENT, _each(views, age))
    used = "Bytes of the outbox file that hold something."
    yield _gauge("outbox_size_bytes", used, SEGMENT, _each(views, lambda one: one.outbox.size))
    quota = "Bytes that the outbox file may have."
    yield _gauge("outbox_limit_bytes", quota, SEGMENT, _each(views, lambda one: one.outbox.max_size))
    rooms = [((one.segment,), one.outbox.hours * 3600.0) for one in views if one.outbox.hours is not None]
    room = "How long the room lasts at the present rate while nothing is sent; absent while that is not known."
    yield _gauge("outbox_room_seconds", room, SEGMENT, rooms)
    full = "1 while new events find no room and wait in memory."
    yield _gauge("outbox_full", full, SEGMENT, _each(views, lambda one: one.outbox.full))
    stored = "Events stored: their COMMIT returned."
    yield _counter("stored_events", stored, SEGMENT, _each(views, lambda one: one.outbox.stored))
    yield _counter("outbox_commits", "Commits.", SEGMENT, _each(views, lambda one: one.outbox.commits))
    dead = [((one.segment, reason), count) for one in views for reason, count in _dead(one)]
    letters = "Events given up, by reason: the broker's reason code, disconnect, corrupt."
    yield _counter("dead_letters", letters, ("segment", "reason"), dead)


GIVEN_UP = ("disconnect", *(hexadecimal(code) for code in range(FAILURE, 2**8) if remedy(code) == "split"))
"""Why the uplink gives an event up: shown from 0 on, for a count that begins with its first burst shows no increase."""


def _dead(one: Overview) -> list[tuple[str, float]]:
    counts = dict.fromkeys(GIVEN_UP, 0) | one.uplink.given_up
    return [*sorted(counts.items()), ("corrupt", one.outbox.corrupt)]


def _uplink(views: Sequence[Overview]) -> Iterator[Metric]:
    up = "1 while the broker is connected."
    yield _gauge("uplink_up", up, SEGMENT, _each(views, lambda one: one.uplink.state == "online"))
    alarm = "1 while the uplink needs a person."
    yield _gauge("uplink_alarm", alarm, SEGMENT, _each(views, lambda one: one.uplink.alarm is not None))
    again = "Connections to the broker after the first."
    yield _counter("uplink_reconnects", again, SEGMENT, _each(views, lambda one: max(0, one.uplink.connects - 1)))
    flying = "Publications that wait for their PUBACK."
    yield _gauge("uplink_in_flight", flying, SEGMENT, _each(views, lambda one: one.uplink.in_flight))
    sent = "Publications that the broker acknowledged."
    yield _counter("uplink_publications", sent, SEGMENT, _each(views, lambda one: one.uplink.published))
    events = "Events that the broker acknowledged."
    yield _counter("uplink_events", events, SEGMENT, _each(views, lambda one: one.uplink.events))
    rows = [((one.segment, code), float(count)) for one in views for code, count in sorted(one.uplink.refused.items())]
    refused = "Publications that the broker refused, by reason code."
    yield _counter("uplink_refused_publications", refused, ("segment", "reason"), rows)
    unheard = "Publications that the broker took although nobody listens."
    yield _counter("uplink_unheard_publications", unheard, SEGMENT, _each(views, lambda one: one.uplink.unheard))
    lost = "Publications without an answer when their connection ended: they are sent again."
    yield _counter("uplink_unanswered_publications", lost, SEGMENT, _each(views, lambda one: one.uplink.unanswered))
    repeated = "Events sent again because the centre asked."
    yield _counter("uplink_repeated_events", repeated, SEGMENT, _each(views, lambda one: one.uplink.repeated))
    acks = "Receipts of the centre that were taken."
    yield _counter("uplink_receipts", acks, SEGMENT, _each(views, lambda one: one.uplink.acks))
    ignored = "Messages of the centre that could not be true, or were too many."
    yield _counter("uplink_ignored_messages", ignored, SEGMENT, _each(views, lambda one: one.uplink.ignored))


def _timings(seen: Sequence[Seen]) -> Iterator[Metric]:
    publish = HistogramMetricFamily(
        "readpoint_publish_seconds", "From PUBLISH to PUBACK, of publications.", labels=SEGMENT
    )
    delivery = HistogramMetricFamily(
        "readpoint_delivery_seconds",
        "From the decision to the PUBACK, of events; live apart from what waited for a connection.",
        labels=("segment", "lane"),
    )
    for one in seen:
        segment = one.overview.segment
        _add(publish, (segment,), one.timings.publish)
        for lane, histogram in one.timings.delivery.items():
            _add(delivery, (segment, lane), histogram)
    yield publish
    yield delivery


def _add(family: HistogramMetricFamily, labels: Sequence[str], histogram: Histogram) -> None:
    buckets = [("+Inf" if bound == float("inf") else str(bound), count) for bound, count in histogram.cumulative()]
    family.add_metric(labels, buckets, histogram.sum)


def _devices(views: Sequence[Overview]) -> Iterator[Metric]:
    labels = ("segment", "device")
    devices = [((one.segment, device.device), device) for one in views for device in one.devices]
    up = "1 while the device observes: it is online, or degraded and reads."
    yield _gauge("device_up", up, labels, [(names, device.observes) for names, device in devices])
    ill = "1 while the device is degraded: something is wrong with it."
    yield _gauge("device_degraded", ill, labels, [(names, device.state == "degraded") for names, device in devices])
    reads = "Reads of the device."
    yield _counter("device_reads", reads, labels, [(names, device.reads) for names, device in devices])
    again = "Connections to the device that failed or ended; each is followed by another."
    yield _counter("device_reconnects", again, labels, [(names, device.failures) for names, device in devices])
    last = "When the device last read something, in Unix seconds; absent before that."
    rows = [(names, device.last_read) for names, device in devices if device.last_read is not None]
    yield _gauge("device_last_read_timestamp_seconds", last, labels, rows)


def _host(views: Sequence[Overview], wear: Sequence[Wear]) -> Iterator[Metric]:
    clocks = [one.clock for one in views[:1]]  # one machine, one clock
    off = "Seconds by which this machine's clock is, or was until it was just set, believed to be off."
    yield _gauge("clock_offset_seconds", off, (), [((), clock.offset) for clock in clocks])
    alone = "Seconds since a time service had the clock in hand; 0 while one has."
    rows: list[Row] = [((), 0.0 if clock.state == "synchronized" else clock.alone) for clock in clocks]
    yield _gauge("clock_unsynchronized_seconds", alone, (), rows)
    unset = "0 while the clock was never set: TLS waits then."
    yield _gauge("clock_set", unset, (), [((), clock.state != "unset") for clock in clocks])
    used = "Share of a disk's life that is used, where it says so: above 1 it is over."
    yield _gauge("disk_wear_ratio", used, ("disk", "type"), [((one.disk, one.kind), one.share) for one in wear])
