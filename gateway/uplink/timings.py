"""How long the broker takes, and how old events are when it has them."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.outbox.values import Lane, Row
from gateway.timing import DELIVERY, PUBLISH, Histogram

_URN = b'"urn:uuid:'
_ID = len(_URN)


class Timings:
    """Histograms in seconds: of a publication from PUBLISH to PUBACK, of an event from its decision to its PUBACK."""

    def __init__(self) -> None:
        self.publish = Histogram(PUBLISH)
        self.delivery: dict[Lane, Histogram] = {"live": Histogram(DELIVERY), "historical": Histogram(DELIVERY)}

    def acknowledged(self, rows: Sequence[Row], lane: Lane, took: float, now: float) -> None:
        """These rows were acknowledged `took` seconds after they were sent, at `now` (Unix seconds).

        Rows of one COMMIT count as its first: they were decided within a linger of each other.
        """
        self.publish.add(took)
        delivery = self.delivery[lane]
        first = rows[0]
        if first.stored == rows[-1].stored:
            delivery.add(now - decided(first), len(rows))
            return
        run = 0
        for row in rows:
            if row.stored != first.stored:
                delivery.add(now - decided(first), run)
                first, run = row, 0
            run += 1
        delivery.add(now - decided(first), run)


def decided(row: Row) -> float:
    """When an event was decided: its id is a UUIDv7 made then (RFC 9562 section 5.7: milliseconds in the top 48 bits).

    What has no such id where it belongs counts from its COMMIT.
    """
    at = row.payload.find(_URN, 0, 400) + _ID
    try:
        found = int(row.payload[at : at + 8] + row.payload[at + 9 : at + 13], 16) / 1000.0
    except ValueError:
        return row.stored
    return found if at >= _ID else row.stored
