"""What `status` shows a person."""

from __future__ import annotations

import io

from rich.console import Console

from gateway.cli.tables import print_entries, print_overview
from gateway.health import DeviceHealth
from gateway.outbox.values import Entry
from gateway.overview import LocationView, OutboxView, Overview, UplinkView

NOW = 1_790_000_000.0


def shown(location: LocationView, *devices: DeviceHealth, plain: tuple[str, ...] = ()) -> list[str]:
    overview = Overview(
        segment="rfid",
        identity="gw-07.rfid",
        version="1.0",
        pid=1,
        since=NOW,
        configuration="",
        uplink=UplinkView("broker:8883", "5", "online"),
        outbox=OutboxView("rfid-1", 1),
        location=location,
        devices=devices,
        plain_devices=plain,
    )
    out = io.StringIO()
    print_overview(overview, NOW, Console(file=out, width=240))
    return [one.rstrip() for one in out.getvalue().splitlines()]


def line(lines: list[str], word: str) -> str:
    return next(one for one in lines if one.strip().startswith(word))


def test_reads_that_decided_nothing_are_shown_where_there_are_any() -> None:
    quiet = line(shown(LocationView(reads=10)), "location")
    assert quiet.endswith("10 reads, 0 events, 0 present, 0 late, 0 unplaced, 0 shed")
    busy = line(shown(LocationView(reads=10, weak=3, gated=2, refused=1)), "location")
    assert busy.endswith("0 shed, 3 weak, 2 gated, 1 refused")


def test_gates_are_shown_as_they_are() -> None:
    lines = shown(LocationView(gates={"dock-1": True, "belt-1": False}))
    assert line(lines, "gates").split(maxsplit=1)[1] == "dock-1 open, belt-1 closed"


def test_words_of_a_site_file_are_shown_and_not_obeyed() -> None:
    """A gateway of before may have such a word, and a copied answer."""
    assert "[/llrp], [red]" in line(shown(LocationView(), plain=("[/llrp]", "[red]")), "accepts plain")


def test_a_device_that_only_measures_is_seen_at_work() -> None:
    lines = shown(LocationView(), DeviceHealth("meter", "online", since=NOW, signals=2, values=40))
    assert line(lines, "device").split() == [
        "device", "state", "since", "last", "read", "reads", "signals", "values", "antennas", "cause"
    ]  # fmt: skip
    assert line(lines, "meter").split() == ["meter", "online", "0", "s", "ago", "-", "0", "2", "40", "-"]


def test_a_damaged_row_of_the_outbox_is_shown_with_the_time_that_it_says() -> None:
    out = io.StringIO()
    entries = [Entry(n, 1, n, "epcis", "dock-1", stored, "sent", NOW, None, 9) for n, stored in ((1, NOW), (2, 1e300))]
    print_entries(entries, Console(file=out, width=240))
    assert "2026-09-2" in out.getvalue()
    assert "1e+300" in out.getvalue()
