"""A driver of another distribution may be wrong in any way: it costs its device."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from drivers.contract import Batch, Driver, Measurement, Read, Signal, Status
from gateway.guests import Guest, check
from gateway.health import DeviceBoard
from gateway.supervisor import Backoff, Supervisor

GOOD = (
    Read("epc", b"\x30", 1.0, 1, -50.0, received=1),
    Read("code", b"]C1", 1.0, "left"),
    Signal("beam", value=True, time=1),
    Measurement("volts", 230, "VLT", "good", 1.0),
    Measurement("volts", None, None, "bad", 1.0, "no answer"),
    Status(None, "online", "", 1.0),
)
WRONG: list[Any] = [
    Read("epc", "3034", 1.0),  # type: ignore[arg-type]
    Read("rfid", b"\x30", 1.0),  # type: ignore[arg-type]
    Read("epc", b"\x30", None),  # type: ignore[arg-type]
    Read("epc", b"\x30", 1.0, count="2"),  # type: ignore[arg-type]
    Signal(7, value=True, time=1.0),  # type: ignore[arg-type]
    Measurement(["volts"], 1.0, "VLT", "good", 1.0),  # type: ignore[arg-type]
    Measurement("volts", 1.0, "VLT", "fine", 1.0),  # type: ignore[arg-type]
    Measurement("volts", b"1", "VLT", "good", 1.0),  # type: ignore[arg-type]
    Status(None, "well", "", 1.0),  # type: ignore[arg-type]
    {"epc": "3034"},
    None,
]


def test_what_is_right_passes() -> None:
    check(Batch(GOOD))
    check(Batch([]))


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_what_is_wrong_is_a_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError):
        check(Batch([*GOOD, wrong]))


@pytest.mark.parametrize("batch", [None, GOOD, Batch(None), Batch(iter(GOOD))], ids=repr)  # type: ignore[arg-type]
def test_what_is_no_batch_is_a_type_error(batch: Any) -> None:
    with pytest.raises(TypeError):
        check(batch)


class Giving:
    """A driver that gives one batch and stays."""

    def __init__(self, batch: Any) -> None:
        self.batch = batch
        self.open_now = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Batch]]:
        async def batches() -> AsyncIterator[Batch]:
            yield self.batch
            await asyncio.Event().wait()

        self.open_now += 1
        try:
            yield batches()
        finally:
            self.open_now -= 1


async def supervised(make: Callable[[], Driver], so: Callable[[DeviceBoard], bool]) -> tuple[str, list[Batch]]:
    put: list[Batch] = []
    news = asyncio.Event()
    board = DeviceBoard("reader", lambda: 5.0, lambda _: news.set())
    supervisor = Supervisor(
        "reader", Guest(make), lambda _, batch: put.append(batch), board, lambda: 5.0, Backoff(0.001, 0.002)
    )
    task = asyncio.create_task(supervisor.run())
    async with asyncio.timeout(30):
        while not so(board):
            news.clear()
            await news.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return board.now.cause, put


async def test_a_good_one_runs_and_is_released() -> None:
    driver = Giving(Batch(GOOD))
    _, put = await supervised(lambda: driver, lambda board: board.now.state == "online")
    assert put[0] == Batch(GOOD)
    assert driver.open_now == 0


async def test_what_it_gives_wrongly_goes_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    driver = Giving(Batch([Read("epc", "3034", 1.0)]))  # type: ignore[arg-type]
    cause, put = await supervised(lambda: driver, lambda board: board.now.state == "degraded")
    assert "bug in the driver" in cause
    assert "Read: Expected `bytes`, got `str` - at `$.value`" in cause
    assert all(isinstance(one, Status) for batch in put for one in batch.observations)
    assert driver.open_now == 0
    assert caplog.records


async def test_one_that_cannot_be_made_is_a_bug_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    def make() -> Driver:
        raise ModuleNotFoundError("No module named 'acme_desk.wire'")

    cause, _ = await supervised(make, lambda board: board.now.state == "degraded")
    assert "No module named 'acme_desk.wire'" in cause
    assert caplog.records
