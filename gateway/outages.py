"""An outage is one line in the log where it begins and one where it ends, whatever is said of it meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Collection

from gateway.describe import printable
from gateway.logs import Logger

WELL = "online"
BEGINNING = "connecting"
"""Neither well nor not: a first attempt is no outage."""

_RECOVERED = {"clock": "right again"}
"""What is said of an end, where `online again` is not the word."""

CAUSES = 16
"""Of one alarm, that have a line; further ones have none until it is over."""


class Outages:
    """Who is out, and since when (`clock`: steady seconds). `fields` go with every line."""

    def __init__(self, log: Logger, clock: Callable[[], float], **fields: object) -> None:
        self._log = log
        self._clock = clock
        self._fields = fields
        self._since: dict[str, float] = {}
        self._said: dict[str, tuple[str, str]] = {}
        self._alarms: dict[str, tuple[float, set[str]]] = {}

    def tell(self, who: str, state: str, cause: str = "", **fields: object) -> None:
        """`who` is now so; what is already known is not said again."""
        if self._said.get(who) == (state, cause):
            return
        self._said[who] = state, cause
        fields = {**fields, **self._fields}
        because = f": {printable(cause)}" if cause else ""
        if state == WELL and who in self._since:
            lasted = round(self._clock() - self._since.pop(who), 1)
            self._log.info(f"{who}: {_RECOVERED.get(who, 'online again')}{because}", seconds=lasted, **fields)
        elif state in (WELL, BEGINNING) or who in self._since:
            self._log.debug(f"{who}: {state}{because}", **fields)
        else:
            self._since[who] = self._clock()
            self._log.warning(f"{who}: {state}{because}", **fields)

    def alarm(self, who: str, cause: str | None) -> None:
        """An alarm stands for this cause: a line for each, once. None: it is over, which is a line too."""
        if cause is None:
            if who in self._alarms:
                began, _ = self._alarms.pop(who)
                self._log.info(f"{who}: over", seconds=round(self._clock() - began, 1), **self._fields)
            return
        _, known = self._alarms.setdefault(who, (self._clock(), set()))
        if cause not in known and len(known) < CAUSES:
            known.add(cause)
            self._log.warning(f"{who}: {printable(cause)}", **self._fields)

    def keep(self, names: Collection[str]) -> None:
        """Forget all others: they are not there any more."""
        for gone in self._said.keys() - names:
            self._since.pop(gone, None)
            del self._said[gone]
