"""What a driver brings to the conformance suite: a simulated device on its real wire, and what can happen to it."""

from __future__ import annotations

import importlib
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from drivers.contract import Antenna, Observation

Act = Callable[[], Awaitable[None]]

Fate = Literal["lose", "silence", "garbage", "flood"]
"""What may happen to a device; one that cannot is in `Stand.lacks`, with the reason."""


async def nothing() -> None:
    """For devices that speak by themselves."""


class Device(NamedTuple):
    """A simulated device that runs.

    `settings` and `ports` are as in a site file. `sees` says whether observations hold what this device says when it is
    well; `speak` makes it say that once more, in a way that no dedup, deadband or interval hides. `busy`: the driver
    has it: a connection, an open port, a bound listener.
    """

    settings: dict[str, Any]
    sees: Callable[[Sequence[Observation]], object]
    busy: Callable[[], bool]
    speak: Act = nothing
    ports: Mapping[Antenna, dict[str, Any]] = {}
    lose: Act | None = None
    """It is gone: unplugged, switched off. Until `back`, opening fails."""
    back: Act | None = None
    """It is there again."""
    silence: Act | None = None
    """It is there and says nothing more, and that is a fault."""
    garbage: Act | None = None
    """It says what its protocol does not allow; afterwards it speaks well again."""
    outputs: Callable[[], Mapping[int, bool]] = dict
    """How its outputs are, those that can be written."""
    flood: Act | None = None
    """It says very much, all of it different; returns when that is said, or is cancelled when nobody listens."""


class Stand(NamedTuple):
    """A driver and its simulated device. `nobody`: settings that lead to no device, given a free TCP port."""

    driver: str
    start: Callable[[], AbstractAsyncContextManager[Device]]
    nobody: Callable[[int], dict[str, Any]]
    lacks: Mapping[Fate, str] = {}


def stands() -> dict[str, Stand]:
    """All stands of this folder, and of the modules that READPOINT_STANDS names, separated by commas."""
    here = Path(__file__).parent / "stands"
    names = [f"tests.conformance.stands.{path.stem}" for path in sorted(here.glob("*.py"))]
    names += filter(None, os.environ.get("READPOINT_STANDS", "").split(","))
    found: dict[str, Stand] = {}
    for name in names:
        found |= importlib.import_module(name).STANDS
    return found
