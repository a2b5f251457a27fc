"""One line where an outage begins, one where it ends."""

from __future__ import annotations

from typing import Any

from gateway.outages import CAUSES, Outages


class Heard:
    """Keeps what is said, by level."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def debug(self, event: str, **fields: object) -> None:
        pass

    def info(self, event: str, **fields: object) -> None:
        self.lines.append(("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append(("warning", event, fields))

    def error(self, event: str, **fields: object) -> None:
        self.lines.append(("error", event, fields))

    exception = error


def test_an_outage_is_two_lines_however_its_causes_change() -> None:
    heard, now = Heard(), [100.0]
    outages = Outages(heard, lambda: now[0], segment="rfid")
    outages.tell("dock", "connecting", device="dock")
    outages.tell("dock", "online", device="dock")
    outages.tell("dock", "offline", "connection refused", device="dock")
    for cause in ("no answer", "no answer", "connection refused"):
        now[0] += 10.0
        outages.tell("dock", "connecting", device="dock")
        outages.tell("dock", "degraded", cause, device="dock")
    now[0] += 0.5
    outages.tell("dock", "online", device="dock")
    outages.tell("dock", "online", device="dock")
    of_dock = {"device": "dock", "segment": "rfid"}
    assert heard.lines == [
        ("warning", "dock: offline: connection refused", of_dock),
        ("info", "dock: online again", {"seconds": 30.5, **of_dock}),
    ]


def test_a_clock_is_not_online_but_right() -> None:
    heard = Heard()
    outages = Outages(heard, lambda: 0.0)
    outages.tell("clock", "degraded", "3 s off")
    outages.tell("clock", "online")
    assert [line for _, line, _ in heard.lines] == ["clock: degraded: 3 s off", "clock: right again"]


def test_what_is_well_from_the_start_says_nothing() -> None:
    heard = Heard()
    outages = Outages(heard, lambda: 0.0)
    outages.tell("uplink", "connecting")
    outages.tell("uplink", "online")
    assert heard.lines == []


def test_an_alarm_is_a_line_a_cause_and_one_when_it_is_over() -> None:
    heard, now = Heard(), [100.0]
    outages = Outages(heard, lambda: now[0], segment="rfid")
    for cause in (None, "nobody listens", "nobody listens", "no rights\n", "nobody listens", "no rights\n"):
        outages.alarm("uplink alarm", cause)
        now[0] += 10.0
    outages.keep({"uplink"})
    for cause in (None, None, "nobody listens"):
        outages.alarm("uplink alarm", cause)
    assert heard.lines == [
        ("warning", "uplink alarm: nobody listens", {"segment": "rfid"}),
        ("warning", "uplink alarm: no rights\\n", {"segment": "rfid"}),
        ("info", "uplink alarm: over", {"seconds": 50.0, "segment": "rfid"}),
        ("warning", "uplink alarm: nobody listens", {"segment": "rfid"}),
    ]


def test_an_alarm_whose_cause_never_is_the_same_fills_neither_memory_nor_journal() -> None:
    heard = Heard()
    outages = Outages(heard, lambda: 0.0)
    for number in range(10 * CAUSES):
        outages.alarm("uplink alarm", f"ack {number}")
    outages.alarm("uplink alarm", None)
    assert [level for level, _, _ in heard.lines] == ["warning"] * CAUSES + ["info"]


def test_what_is_gone_is_forgotten() -> None:
    heard = Heard()
    outages = Outages(heard, lambda: 0.0)
    outages.tell("dock", "offline", "no answer")
    outages.keep({"uplink"})
    outages.tell("dock", "online")
    outages.tell("dock", "offline", "no answer")
    assert [event for _, event, _ in heard.lines] == ["dock: offline: no answer"] * 2
