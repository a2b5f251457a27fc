"""How the driver is, for a person: what it does otherwise than asked, and who breaks a format's rules. Pure."""

from __future__ import annotations

from drivers.ble.pseudonyms import Pseudonyms
from drivers.observations import Status

PAUSE = 5.0
"""Seconds between two changes."""

AGAIN = 60.0
"""Seconds after which a fault that goes on is told with its newest bytes, and after which one that ended is over."""

_SHOWN = 24
"""Bytes of a payload that are shown."""


class Condition:
    """`online`, or `degraded` with the reason. A broken payload's sender is shown by a pseudonym."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._notes: dict[str, str] = {}
        self._broken = 0
        self._last = ""
        self._last_at = float("-inf")
        self._shown: tuple[str, str] | None = None
        self._shown_at = float("-inf")

    def note(self, adapter: str, text: str | None) -> None:
        """What an adapter does otherwise than asked; None: nothing."""
        if text is None:
            self._notes.pop(adapter, None)
        else:
            self._notes[adapter] = text

    def broken(self, name: str, reason: str, data: bytes, address: str, now: float) -> None:
        """A payload that claims to be of a format and breaks its rules."""
        self._broken += 1
        who = self._pseudonyms.of(address, now)
        self._last = f"{name} from ~{who}: {reason}: {data[:_SHOWN].hex()}"
        self._last_at = now

    def repeat(self) -> None:
        """Say it again at the next occasion: something else was said meanwhile."""
        self._shown, self._shown_at = None, float("-inf")

    def news(self, now: float) -> Status | None:
        """What has changed, if it is time to say so. The first call says `online` where all is well."""
        notes = "; ".join(f"{adapter}: {text}" for adapter, text in sorted(self._notes.items()))
        faulty = now - self._last_at < AGAIN
        state = "degraded" if notes or faulty else "online"
        kind = (state, f"{notes}{faulty}")
        pause = PAUSE if kind != self._shown else AGAIN if faulty else float("inf")
        if now - self._shown_at < pause:
            return None
        self._shown, self._shown_at = kind, now
        garbage = f"{self._broken} advertisements break their format, the last {self._last}" if faulty else ""
        cause = "; ".join(filter(None, (notes, garbage)))
        return Status(None, "degraded" if cause else "online", cause, now)
