"""One opening: the adapters that scan, the watch over them, and the batches of what the tracker makes of it."""

from __future__ import annotations

import asyncio
from typing import Final, Self

from drivers.ble.adverts import Advert
from drivers.ble.condition import Condition
from drivers.ble.scanner import Scanner
from drivers.ble.settings import Settings
from drivers.ble.tracker import Rules, Tracker
from drivers.contract import Batch, Context, Disconnected, Observation, Status, Unreachable

_GATHER: Final = 0.02
"""Seconds for which advertisements are gathered into one batch."""

_BATCH: Final = 10_000
_TICK: Final = 1.0
_RAREST: Final = 5
"""Doublings of the silence after which a scanner is built anew."""

_RETRY: Final = (1.0, 30.0)
"""Seconds between attempts to start a deaf adapter while others hear: doubling, from the first to the second."""


class Scanning:
    """The batches of one opening."""

    def __init__(
        self,
        settings: Settings,
        adapters: list[str],
        rules: Rules,
        condition: Condition,
        context: Context,
        *,
        named: bool,
    ) -> None:
        self._named = named
        self._silence = settings.silence
        self._crowd = 2 * settings.max_tags
        self._tracker = Tracker(rules, condition)
        self._condition = condition
        self._clock = context.clock
        self._loop = asyncio.get_running_loop()
        self._scanners = [Scanner(adapter, settings, self._hear) for adapter in adapters]
        self._heard = dict.fromkeys(adapters, self._loop.time())
        self._rebuilt = dict.fromkeys(adapters, 0)
        """How often since somebody was heard: where there is nobody to hear, building anew gets rarer."""
        self._down: dict[str, Unreachable] = {}
        self._news: list[Observation] = []
        self._awake = asyncio.Event()
        self._keepers: list[asyncio.Task[None]] = []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        while True:
            for keeper in self._keepers:
                if keeper.done():
                    keeper.result()
            now = self._clock()
            self._tracker.count(now)
            news = self._condition.news(now)
            seen = [*self._news, *([news] if news is not None else []), *self._tracker.take()]
            self._news = []
            if seen:
                self._tracker.waiting[:0] = seen[_BATCH:]
                return Batch(seen[:_BATCH])
            if len(self._down) == len(self._scanners):
                raise Disconnected("; ".join(map(str, self._down.values())))
            await self._wait()

    async def _wait(self) -> None:
        self._awake.clear()
        try:
            async with asyncio.timeout(_TICK):
                await self._awake.wait()
        except TimeoutError:
            return
        await asyncio.sleep(_GATHER)

    async def start(self) -> None:
        """Raises `Unreachable` if no adapter can scan."""
        await asyncio.gather(*(self._try(scanner) for scanner in self._scanners))
        if len(self._down) == len(self._scanners):
            raise Unreachable("; ".join(map(str, self._down.values())))
        first = self._condition.news(self._clock())
        self._news += [first] if first is not None else []
        self._news += [self._offline(adapter, str(error)) for adapter, error in self._down.items()]
        self._keepers = [asyncio.create_task(self._keep(scanner), name=scanner.adapter) for scanner in self._scanners]

    async def stop(self) -> None:
        """Lets go of all adapters."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(scanner.stop() for scanner in self._scanners))

    def _hear(self, advert: Advert, adapter: str) -> None:
        self._heard[adapter] = self._loop.time()
        self._rebuilt[adapter] = 0
        self._tracker.hear(advert, adapter if self._named else None, self._clock())
        self._awake.set()

    async def _try(self, scanner: Scanner) -> None:
        try:
            await scanner.start()
        except Unreachable as error:
            self._down[scanner.adapter] = error
        else:
            self._down.pop(scanner.adapter, None)
        self._condition.note(scanner.adapter, scanner.fallback)
        self._heard[scanner.adapter] = self._loop.time()

    async def _keep(self, scanner: Scanner) -> None:
        """Builds the scanner anew whenever it is deaf, or bleak's memory of strangers has grown large."""
        adapter = scanner.adapter
        while True:
            if adapter in self._down:
                await self._recover(scanner)
            await asyncio.sleep(min(_TICK, self._silence / 4))
            silence = self._loop.time() - self._heard[adapter]
            if silence >= self._silence * 2 ** min(self._rebuilt[adapter], _RAREST):
                # Strangers are heard everywhere: who hears nobody is deaf, as after a restart of bluetoothd.
                since = self._clock() - silence
                self._rebuilt[adapter] += 1
                self._say(self._offline(adapter, f"nothing heard for {silence:.0f} s: scanner built anew", since))
                await self._rebuild(scanner)
            elif scanner.crowd > self._crowd:
                await self._rebuild(scanner)

    async def _rebuild(self, scanner: Scanner) -> None:
        await scanner.stop()
        await self._try(scanner)
        if scanner.adapter in self._down:
            return
        if len(self._scanners) > 1:
            self._say(Status(scanner.adapter, "online", "", self._clock()))
        else:
            self._condition.repeat()
            self._awake.set()

    async def _recover(self, scanner: Scanner) -> None:
        wait, longest = _RETRY
        while scanner.adapter in self._down:
            self._say(self._offline(scanner.adapter, str(self._down[scanner.adapter])))
            await asyncio.sleep(wait)
            wait = min(2 * wait, longest)
            await self._rebuild(scanner)

    def _offline(self, adapter: str, cause: str, since: float | None = None) -> Status:
        """A single adapter is the device: it may stand at its read point as a whole."""
        antenna = adapter if len(self._scanners) > 1 else None
        return Status(antenna, "offline", cause, self._clock() if since is None else since)

    def _say(self, status: Status) -> None:
        self._news.append(status)
        self._awake.set()
