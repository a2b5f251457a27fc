"""One scanner from its bytes: what to observe of them, and of its silence. No I/O, no clock of its own. Pure.

`wall` is Unix seconds, `now` a steady clock.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from drivers.barcode.condition import Condition
from drivers.barcode.framing import Framer, Framing, Garbage, Scan
from drivers.observations import Antenna, Observation, Read, Status


class Session:
    """Takes bytes, gives `observations`. `deadline` is when it wants to be asked again by `tick`.

    `idle` and `interval` in seconds. `guns` are the antennas of the device; a base's single read point has none.
    """

    def __init__(
        self, framing: Framing, *, idle: float, interval: float, encoding: str, guns: Collection[Antenna], wall: float
    ) -> None:
        self.observations: list[Observation] = [Status(None, "online", "", wall)]
        self._framer = Framer(framing)
        self._condition = Condition(interval)
        self._idle = idle
        self._encoding = encoding
        self._guns = {str(gun): gun for gun in guns}
        self._heard = -math.inf

    @property
    def deadline(self) -> float:
        """Steady time of the next thing that silence decides."""
        pending = self._heard + self._idle if self._framer.pending else math.inf
        return min(pending, self._condition.deadline)

    def receive(self, data: bytes, wall: float, now: float) -> None:
        """What came over the line."""
        if self._framer.pending and now >= self._heard + self._idle:
            self._take(self._framer.silence(), wall, now)
        self._heard = now
        self._take(self._framer.feed(data), wall, now)

    def tick(self, wall: float, now: float) -> None:
        """Time has passed."""
        if self._framer.pending and now >= self._heard + self._idle:
            self._take(self._framer.silence(), wall, now)
        self._say(self._condition.tick(wall, now))

    def _take(self, found: list[Scan | Garbage], wall: float, now: float) -> None:
        for one in found:
            if isinstance(one, Garbage):
                self._say(self._condition.disturbed(one, wall, now))
                continue
            gun = self._gun(one, now)
            self._say(self._condition.tick(wall, now))
            self.observations.append(Read("code", self._in_utf_8(one.data), wall, gun, received=wall))

    def _gun(self, scan: Scan, now: float) -> Antenna | None:
        """The antenna of that address: as it stands, or the same number without leading zeros and blanks."""
        if scan.gun is None or not self._guns:
            return None
        address = scan.gun.decode("latin-1")
        for name in (address, address.strip(), address.strip().lstrip("0")):
            if name in self._guns:
                return self._guns[name]
        known = ", ".join(self._guns)
        self._condition.complain(f"a scan of gun {address!r}, and antennas has only {known}: add it there", now)
        return address

    def _in_utf_8(self, data: bytes) -> bytes:
        if self._encoding == "utf-8":
            return data
        try:
            return data.decode(self._encoding).encode()
        except UnicodeError:
            return data

    def _say(self, status: Status | None) -> None:
        if status is not None:
            self.observations.append(status)
