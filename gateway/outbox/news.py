"""What the writer's thread is told at its start, and what it tells the event loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway.config import site
from gateway.model import Present, Work
from gateway.outbox.database import Life
from gateway.outbox.host_clock import ClockState, clock_state
from gateway.outbox.values import Declare, OutboxStats, Row


class Committed(msgspec.Struct, frozen=True):
    """One commit, or news without one: works it covered, rows it added, how the outbox stands."""

    works: tuple[Work, ...]
    rows: list[Row]
    stats: OutboxStats
    waiting: bool


class Opened(msgspec.Struct, frozen=True):
    """What the owner learns when the file is open."""

    life: Life
    present: list[Present]
    stats: OutboxStats
    fresh: bool
    """Whether what was present before is not known."""


class Plan(msgspec.Struct, frozen=True):
    """What a writer needs to know."""

    folder: Path
    segment: str
    machine_id: str
    settings: site.Outbox
    clock: Callable[[], float]
    declare: Declare | None
    clock_state: Callable[[float], ClockState] = clock_state
    identity: str = ""
