"""A year of a gateway's life in simulated time: nothing recorded is lost, nothing grows. In short, forty days of it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import MOSQUITTO

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")


async def lived(folder: Path, *wishes: str) -> dict[str, Any]:
    """The figures of a year in a process of its own; what it says of each month is passed on."""
    command = ("-m", "tests.year", str(folder), *wishes)
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=log, limit=2**20
        )
    assert process.stdout is not None
    last = b""
    async for line in process.stdout:
        print(line.decode(), end="", flush=True)
        last = line
    assert await process.wait() == 0, (folder / "log").read_text()[-4000:]
    figures: dict[str, Any] = json.loads(last)
    return figures


def sound(figures: dict[str, Any]) -> None:
    """What holds of a year of any length."""
    assert figures["undeclared"] == 0, figures
    assert figures["repeated"] == 0, figures
    assert figures["upgrades"] >= 2
    assert figures["damaged"] == 1
    assert figures["offsets"] == ["+01:00", "+02:00"]
    assert figures["growing"] == {}


@pytest.mark.timeout(120)
async def test_forty_days_lose_nothing_and_nothing_grows(tmp_path: Path) -> None:
    figures = await lived(tmp_path, "--short")
    sound(figures)
    assert figures["connects"] == 2


@pytest.mark.soak
@pytest.mark.timeout(3 * 3600)
async def test_a_year_loses_nothing_and_nothing_grows(tmp_path: Path) -> None:
    """Ten million events of a million tags; day 365 is as fast as day 1."""
    figures = await lived(tmp_path)
    sound(figures)
    assert figures["events"] >= 10_000_000
    assert figures["tags"] >= 1_000_000
    assert figures["connects"] == 13
    for what, (first, last) in figures["day 1 and last"].items():
        print(f"{what}: day 1 {first:.4g}, day {figures['days']} {last:.4g}: {last / first:.3f} (target <= 1.10)")
        assert last <= 1.10 * first, what
