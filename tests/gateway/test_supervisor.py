"""One device, kept observed: back-off, what is said of it, and that a bug in a driver stays in its corner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Batch, Driver, Read, Status, Unreachable
from gateway.health import DeviceBoard, DeviceHealth
from gateway.supervisor import Backoff, Supervisor

FAST = Backoff(least=0.001, most=0.002, healthy=10.0)


class Scripted:
    """A driver whose attempts go as written: each entry is what one `open` does."""

    def __init__(self, *attempts: Callable[[], AsyncIterator[Batch]]) -> None:
        self.attempts = list(attempts)
        self.opened = 0
        self.released = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Batch]]:
        attempt = self.attempts[min(self.opened, len(self.attempts) - 1)]
        self.opened += 1
        try:
            yield attempt()
        finally:
            self.released += 1


async def unreachable() -> AsyncIterator[Batch]:
    raise Unreachable("10.0.0.9:5084 does not answer: is it switched on?")
    yield Batch(())


async def buggy() -> AsyncIterator[Batch]:
    raise ZeroDivisionError("division by zero")
    yield Batch(())


async def healthy() -> AsyncIterator[Batch]:
    yield Batch((Status(None, "online", "", 1.0),))
    yield Batch((Status(1, "offline", "unplugged", 2.0), Read("epc", b"\x30", 2.0, 2)))
    await asyncio.Event().wait()


class Watched:
    """A supervised driver, what it handed over, and what was said of it."""

    def __init__(self, driver: Driver, backoff: Backoff = FAST) -> None:
        self.said: list[DeviceHealth] = []
        self.batches: list[tuple[str, Batch]] = []
        self._news = asyncio.Event()
        board = DeviceBoard("reader", lambda: 5.0, self._say)
        self.supervisor = Supervisor("reader", driver, self._put, board, lambda: 5.0, backoff)
        self.board = board

    def _say(self, health: DeviceHealth) -> None:
        self.said.append(health)
        self._news.set()

    def _put(self, device: str, batch: Batch) -> None:
        self.batches.append((device, batch))
        self._news.set()

    async def until(self, so: Callable[[], bool]) -> None:
        """Run the supervisor until it is so."""
        task = asyncio.create_task(self.supervisor.run())
        try:
            async with asyncio.timeout(30):
                while not so():
                    self._news.clear()
                    await self._news.wait()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def there_soon() -> AsyncIterator[Batch]:
    error = Unreachable("there is no port: is it plugged in?")
    error.again = 0.001
    raise error
    yield Batch(())


async def test_what_costs_nothing_to_try_is_tried_sooner_than_the_backoff() -> None:
    driver = Scripted(there_soon, there_soon, there_soon, healthy)
    watched = Watched(driver, Backoff(least=60.0, most=60.0))
    await watched.until(lambda: watched.board.now.state == "online")
    assert driver.opened == 4


async def test_tries_again_and_is_online() -> None:
    driver = Scripted(unreachable, unreachable, healthy)
    watched = Watched(driver)
    await watched.until(lambda: watched.board.now.state == "online" and bool(watched.board.now.antennas))
    assert driver.opened == driver.released == 3
    assert [health.state for health in watched.said][:2] == ["offline", "online"]
    assert "switched on" in watched.said[0].cause
    assert watched.board.now.reads == 1
    assert watched.board.now.antennas[0].cause == "unplugged"


async def test_says_to_the_location_engine_that_nobody_looks() -> None:
    watched = Watched(Scripted(unreachable))
    await watched.until(lambda: len(watched.batches) >= 2)
    device, batch = watched.batches[0]
    status = batch.observations[0]
    assert device == "reader"
    assert isinstance(status, Status)
    assert (status.antenna, status.state, status.time) == (None, "offline", 5.0)


async def test_a_bug_is_shown_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    driver = Scripted(buggy, healthy)
    watched = Watched(driver)
    await watched.until(lambda: watched.board.now.state == "online")
    assert watched.said[0].state == "degraded"
    assert not watched.said[0].observes, "nobody reads until the driver is opened again"
    assert "ZeroDivisionError" in watched.said[0].cause
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("error", [asyncio.CancelledError, SystemExit, BaseExceptionGroup("two", [SystemExit(1)])])
async def test_a_driver_ends_neither_the_gateway_nor_its_own_supervision(
    error: type[BaseException] | BaseException,
) -> None:
    async def leaving() -> AsyncIterator[Batch]:
        raise error
        yield Batch(())

    driver = Scripted(leaving, healthy)
    watched = Watched(driver)
    await watched.until(lambda: watched.board.now.state == "online")
    assert driver.opened == driver.released == 2
    assert watched.said[0].state == "degraded"


async def test_the_same_failure_is_news_once() -> None:
    driver = Scripted(unreachable)
    watched = Watched(driver)
    await watched.until(lambda: driver.opened >= 5)
    assert len(watched.said) == 1
    assert watched.board.now.failures >= 4


async def test_cancellation_releases_the_device() -> None:
    driver = Scripted(healthy)
    watched = Watched(driver)
    await watched.until(lambda: watched.board.now.state == "online")
    assert driver.opened == driver.released == 1


@pytest.mark.parametrize(("healthy", "asked"), [(10.0, [1, 2, 3, 4]), (0.0, [1, 1, 1, 1])])
async def test_the_pauses_grow_until_an_attempt_lasted(healthy: float, asked: list[int]) -> None:
    """`healthy` 0: every attempt lasts long enough."""
    pauses: list[int] = []

    class Noted(Backoff):
        def delay(self, failures: int, draw: Callable[[], float] = lambda: 0.5) -> float:
            pauses.append(failures)
            return 0.0

    watched = Watched(Scripted(unreachable), Noted(healthy=healthy))
    await watched.until(lambda: len(pauses) >= 4)
    assert pauses[:4] == asked


@given(failures=st.integers(0, 10_000), draw=st.floats(0, 1))
def test_backoff_grows_to_its_cap_with_jitter(failures: int, draw: float) -> None:
    delay = Backoff().delay(failures, lambda: draw)
    assert 0.5 * 0.8 <= delay <= 30.0 * 1.2
    if failures >= 7:
        assert delay >= 30.0 * 0.8
    if failures <= 1:
        assert delay <= 0.5 * 1.2
