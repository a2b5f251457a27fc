"""Keeps one device observed: opens its driver again and again, with back-off, and says how it is."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from drivers.contract import Batch, Driver, DriverError, Outputs, Read, Signal, Status
from drivers.reads import Reads
from gateway import descriptors
from gateway.health import DeviceBoard, DeviceState
from gateway.logs import get_logger

log = get_logger(__name__)


class Backoff(msgspec.Struct, frozen=True):
    """Waits between attempts: doubling from `least` to `most` seconds, ± `jitter`; reset by `healthy` seconds of it."""

    least: float = 0.5
    most: float = 30.0
    jitter: float = 0.2
    healthy: float = 30.0

    def delay(self, failures: int, draw: Callable[[], float] = random.random) -> float:
        """Seconds to wait after so many failures in a row; a first failure after health waits `least`."""
        wait = min(self.most, self.least * 2.0 ** min(max(failures - 1, 0), 16))
        return float(wait * (1 + self.jitter * (2 * draw() - 1)))


class Supervisor:
    """Runs one driver for as long as the device is configured; `put` takes (device, batch) and never waits.

    `connect` is given the device's outputs while they can be written, then None.
    """

    def __init__(
        self,
        device: str,
        driver: Driver,
        put: Callable[[str, Batch], None],
        board: DeviceBoard,
        clock: Callable[[], float],
        backoff: Backoff | None = None,
        connect: Callable[[str, Outputs | None], None] | None = None,
    ) -> None:
        self._device = device
        self._driver = driver
        self._put = put
        self._board = board
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._connect = connect

    async def run(self) -> None:
        """Observe until cancelled."""
        failures = 0
        while True:
            started = asyncio.get_running_loop().time()
            cause, again = await self._attempt()
            if asyncio.get_running_loop().time() - started >= self._backoff.healthy:
                failures = 0
            failures += 1
            self._put(self._device, Batch((Status(None, "offline", cause, self._clock()),)))
            wait = self._backoff.delay(failures)
            await asyncio.sleep(wait if again is None else min(wait, again))

    async def _attempt(self) -> tuple[str, float | None]:
        """One connection, from its opening to its end; returns why it ended, and `DriverError.again`."""
        if self._board.now.state != "connecting" and self._board.now.failures == 0:
            self._board.say("connecting", "")
        try:
            async with AsyncExitStack() as nest:
                with descriptors.one_more():
                    batches = await nest.enter_async_context(self._driver.open())
                await nest.enter_async_context(self._connected(batches))
                async for batch in batches:
                    self._note(batch)
                    self._put(self._device, batch)
                    # What was read is decided before more is: what waits costs memory, and time to find again.
                    await asyncio.sleep(0)
        except DriverError as error:
            cause = descriptors.told() if descriptors.ran_out(error) else str(error) or type(error).__name__
            return self._failed("offline", cause), error.again
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            # The house's single blind except: a bug in one driver must not stop the others. A driver that calls
            # sys.exit() is one, and one that lets the end of a task of its own pass for ours.
            if isinstance(error, asyncio.CancelledError) and _cancelled():
                raise
            if descriptors.ran_out(error):
                return self._failed("offline", descriptors.told()), None
            log.exception("bug in a driver", device=self._device)
            cause = f"bug in the driver, reported in the log: {type(error).__name__}: {error}"
            return self._failed("degraded", cause), None
        return self._failed("offline", "the device ended the connection"), None

    @asynccontextmanager
    async def _connected(self, opened: object) -> AsyncIterator[None]:
        """While inside, the outputs of what was opened are where signals are given."""
        if self._connect is None or not isinstance(opened, Outputs):
            yield
            return
        self._connect(self._device, opened)
        try:
            yield
        finally:
            self._connect(self._device, None)

    def _failed(self, state: DeviceState, cause: str) -> str:
        self._board.say(state, cause, failed=True)
        return cause

    def _note(self, batch: Batch) -> None:
        reads = signals = values = 0
        others = batch.observations
        if isinstance(others, Reads):
            reads, others = len(others), ()
        for seen in others:
            if isinstance(seen, Read):
                reads += 1
            elif isinstance(seen, Status):
                self._board.observe(seen)
            elif isinstance(seen, Signal):
                signals += 1
            else:
                values += 1
        if reads:
            self._board.read(reads, self._clock())
        if signals or values:
            self._board.told(signals, values)


def _cancelled() -> bool:
    """Whether somebody wants this task to end."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
