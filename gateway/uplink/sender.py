"""Rows from the outbox, over whatever connection there is, settled by their PUBACK's reason code.

The sender outlives connections: without one it claims nothing; when one ends, all that it held goes back to pending.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from gateway.config.site import Uplink
from gateway.messages import MAX_PAYLOAD
from gateway.outbox.values import Lane, OutboxError, Row
from gateway.uplink.batches import EVENT_TYPE, MANY, Publication, group, halves, rowids
from gateway.uplink.connection import Connection, Granted
from gateway.uplink.policy import Portion, Width, retry_delay, shares
from gateway.uplink.queue import LANES, Queue
from gateway.uplink.reasons import FAILURE, PACKET_TOO_LARGE, hexadecimal, remedy
from gateway.uplink.status import Tally
from gateway.uplink.suspects import Suspects
from gateway.uplink.timings import Timings

_CLAIM_ROWS = 1000
_CLAIM_BYTES = 1_000_000
"""What one claim may bring into memory."""

_PACKET_OVERHEAD = 512
"""Bytes of a PUBLISH beside its payload: fixed header, topic, properties."""

_MAX_POSTS = 256
"""Messages beside the outbox (state, snapshots, health again) that may wait for a free place."""


class Post(msgspec.Struct, frozen=True, gc=False):
    """A message that is not stored: sent once, while connected. A newer one of the same `key` replaces it."""

    topic: str
    payload: bytes
    retain: bool = False
    key: str | None = None
    content_type: str = EVENT_TYPE
    answered: asyncio.Future[int] | None = None

    def answer(self, code: int) -> None:
        """Tell who waits for it."""
        if self.answered is not None and not self.answered.done():
            self.answered.set_result(code)


class _Flight(msgspec.Struct, frozen=True, gc=False):
    sent: float
    publication: Publication | None
    post: Post | None = None


class Sender:
    """Keeps the window full: claims, publishes, settles. `topic` gives the MQTT topic of (channel, name)."""

    def __init__(
        self,
        queue: Queue,
        settings: Uplink,
        topic: Callable[[str, str | None], str],
        tally: Tally,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._queue = queue
        self._settings = settings
        self._topic = topic
        self._tally = tally
        self.timings = Timings()
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._connection: Connection | None = None
        self._granted = Granted()
        self._flights: dict[int, _Flight] = {}
        self._in_flight: dict[Lane, int] = dict.fromkeys(LANES, 0)
        self._ready: dict[Lane, deque[Publication]] = {lane: deque() for lane in LANES}
        self._dry: dict[Lane, bool] = dict.fromkeys(LANES, False)
        self._held: list[tuple[float, Publication]] = []
        self._posts: deque[Post] = deque()
        self._width = Width(settings.window)
        self._portion = Portion(MAX_PAYLOAD)
        self._turned = 0.0
        self._paused: set[Lane] = set()
        self._suspects = Suspects()
        self._sound = False
        """Whether this connection has brought an answer."""
        self._wake = asyncio.Event()
        self._news: asyncio.Task[None] | None = None
        self._round = 0
        self._drain_round = 0
        self._idle = asyncio.Event()

    @property
    def in_flight(self) -> int:
        return len(self._flights)

    @property
    def held(self) -> int:
        """Publications that were refused and wait for their next try."""
        return len(self._held)

    @property
    def oldest(self) -> float | None:
        """Since when the oldest unanswered publication is awaited, in the loop's time: was sent, or its turn came.

        A broker answers in order (MQTT 5.0, section 4.6): what waits behind others on a slow line is not overdue.
        """
        return next((max(flight.sent, self._turned) for flight in self._flights.values()), None)

    def attach(self, connection: Connection, granted: Granted) -> None:
        """Send over this connection from now on."""
        self._connection, self._granted = connection, granted
        self._sound = False
        self._dry = dict.fromkeys(LANES, False)
        self._wake.set()

    def detach(self, *, broken: bool = False) -> None:
        """The connection is gone: whatever it left unanswered is pending again, and posts are void.

        `broken`: the broker ended it, and one of the events in flight may be why.
        """
        self._connection = None
        self._idle.clear()
        flights, self._flights = list(self._flights.values()), {}
        self._tally.unanswered += len(flights)
        if flights and not (self._sound or broken):
            self._portion.halve()
        claimed = [flight.publication for flight in flights if flight.publication is not None]
        claimed += [publication for _, publication in self._held]
        for lane in LANES:
            claimed += self._ready[lane]
            self._ready[lane].clear()
            self._in_flight[lane] = 0
            self._dry[lane] = False
        self._held.clear()
        self._paused.clear()
        guilty = self._blame(flights) if broken else None
        for post in [*self._posts, *(flight.post for flight in flights)]:
            if post is not None:
                post.answer(FAILURE)
        self._posts.clear()
        if claimed:
            with contextlib.suppress(OutboxError):  # its own failure tells itself, and forgets all claims
                self._queue.release([rowid for rowid in rowids(claimed) if rowid != guilty])

    def _blame(self, flights: list[_Flight]) -> int | None:
        """The row that breaks every connection is given up, and not released."""
        guilty = self._suspects.ended([one.publication.rowids for one in flights if one.publication is not None])
        if guilty is not None:
            self._bury(guilty, "disconnect")
        return guilty

    def _bury(self, rowid: int, reason: str) -> None:
        self._tally.buried(reason)
        with contextlib.suppress(OutboxError):
            self._queue.dead([rowid], reason)

    def post(self, post: Post) -> bool:
        """Send this beside the outbox as soon as there is a place; False when there is no connection or no room."""
        if self._connection is None:
            return False
        if post.key is not None:
            self._posts = deque(waiting for waiting in self._posts if waiting.key != post.key)
        if len(self._posts) >= _MAX_POSTS:
            return False
        self._posts.append(post)
        self._wake.set()
        return True

    def repeat(self, rows: Sequence[Row]) -> bool:
        """Send these once more, as history, beside the outbox; False while something else waits to go beside it."""
        publications = group(rows, "historical", limit=self._limit, batch=self._settings.batch)
        # One slice at a time: what waits here goes before live events, and on a slow line it would always be full.
        if self._posts or len(publications) > _MAX_POSTS:
            return False
        said = [
            Post(
                self._topic(one.channel, one.name),
                msgspec.structs.replace(one, repeated=True).payload(self._clock()),
                content_type=one.content_type,
            )
            for one in publications
        ]
        return all(self.post(post) for post in said)

    async def drain(self) -> None:
        """Return when all that was stored before the call is answered, but for what was refused."""
        self._drain_round = self._round + 1  # a round under way may have looked too early
        self._dry = dict.fromkeys(LANES, False)
        self._idle.clear()
        self._wake.set()
        await self._idle.wait()

    def acked(self, acks: list[tuple[int, int]]) -> None:
        """PUBACKs came: (packet identifier, reason code)."""
        settled: list[int] = []
        self._sound = True
        for packet, code in acks:
            oldest, awaited = next(iter(self._flights), None), self.oldest
            flight = self._flights.pop(packet, None)
            if flight is None:
                continue
            if packet == oldest and awaited is not None:
                self._portion.fit(self._loop.time() - awaited)
                self._turned = self._loop.time()
            if flight.publication is None:
                if flight.post is not None:
                    flight.post.answer(code)
                continue
            self._answered(flight.publication, code, settled, self._loop.time() - flight.sent)
        if settled:
            with contextlib.suppress(OutboxError):
                self._queue.settle(settled)
        self._wake.set()

    def _answered(self, publication: Publication, code: int, settled: list[int], took: float) -> None:
        rows = publication.rowids
        self._in_flight[publication.lane] -= 1
        self._suspects.answered(rows)
        if code >= FAILURE:
            self._refused(publication, code)
            return
        self._tally.accepted(code, len(rows), self._loop.time())
        self.timings.acknowledged(publication.rows, publication.lane, took, self._clock())
        self._width.widen()
        self._paused.discard(publication.lane)
        settled += rows

    async def run(self) -> None:
        """Until cancelled, or until the outbox failed: that ends whoever holds it."""
        try:
            with contextlib.suppress(OutboxError):
                while True:
                    await self._round_trip()
        finally:
            if self._news is not None:
                self._news.cancel()

    async def _round_trip(self) -> None:
        """Send all there is a place for, then wait until something changes."""
        self._wake.clear()
        self._round += 1
        self._send_posts()
        self._send_claimed()
        for lane in LANES:
            await self._claim(lane)
        self._send_claimed()  # a lane that turned out dry leaves its half to the other
        self._mind()
        if not any(map(self._wants, LANES)):
            await self._wake.wait()

    def _refused(self, publication: Publication, code: int) -> None:
        """What may help, by the reason. Held rows stay claimed and are offered again later."""
        self._tally.denied(code, self._loop.time())
        help_ = remedy(code)
        if help_ == "split":
            self._paused.discard(publication.lane)  # it was the probe: the lane has its rights back
            self._split(publication, code)
            return
        if help_ == "pause":
            self._paused.add(publication.lane)
        else:
            self._width.halve()
        delay = retry_delay(self._settings, publication.attempts, random.random())  # noqa: S311 - jitter
        again = msgspec.structs.replace(publication, attempts=publication.attempts + 1)
        self._held.append((self._loop.time() + delay, again))
        self._loop.call_later(delay, self._wake.set)

    def _split(self, publication: Publication, code: int) -> None:
        """Halve until the event that the broker does not take stands alone; that one is given up."""
        if len(publication.rows) > 1:
            self._ready[publication.lane].extendleft(reversed(halves(publication)))
        else:
            self._bury(publication.rows[0].rowid, hexadecimal(code))

    @property
    def _window(self) -> int:
        if self._suspects.most:
            return 1
        return max(1, min(self._width.now, self._granted.receive_maximum))

    @property
    def _limit(self) -> int:
        """Bytes of a payload that the broker takes, and the line carries in good time."""
        return min(self._portion.now, self._granted.maximum_packet - _PACKET_OVERHEAD)

    def _places(self, lane: Lane) -> int:
        """How many more publications of the lane may be sent now."""
        if self._connection is None or self._connection.closed.done():
            return 0
        live, historical = (self._in_flight[name] > 0 or not self._dry[name] for name in LANES)
        share = shares(self._window, live=live, historical=historical)[lane]
        return min(share - self._in_flight[lane], self._window - len(self._flights))

    def _blocked(self, lane: Lane) -> bool:
        """Nothing new of the lane is sent now: a window full of refusals, or one for lack of rights, is answer enough.

        While an event is sought that breaks connections, what waited goes first, once the broker has answered at all.
        """
        if self._suspects.most and (lane == "live" or not self._sound):
            return True
        return lane in self._paused or len(self._held) >= self._settings.window

    def _due(self, publication: Publication) -> bool:
        """Whether a refused publication may go again: of a paused lane one at a time, as a probe."""
        lane = publication.lane
        return self._places(lane) > 0 and (lane not in self._paused or self._in_flight[lane] == 0)

    def _send_posts(self) -> None:
        while self._posts and self._places("live") > 0:
            post = self._posts.popleft()
            assert self._connection is not None
            retain = post.retain and self._granted.retain
            packet = None
            if len(post.payload) > self._granted.maximum_packet - _PACKET_OVERHEAD:
                self._tally.denied(PACKET_TOO_LARGE, self._loop.time())  # to send it would cost the connection
            else:
                packet = self._connection.publish(post.topic, post.payload, post.content_type, retain=retain)
            if packet is not None:
                self._flights[packet] = _Flight(self._loop.time(), None, post)
            else:
                post.answer(FAILURE)

    def _send_claimed(self) -> None:
        now = self._loop.time()
        for due, publication in list(self._held):
            if due <= now and self._due(publication):
                self._held.remove((due, publication))
                self._send(publication)
        for lane in LANES:
            ready = self._ready[lane]
            while ready and not self._blocked(lane) and self._places(lane) > 0:
                self._send(ready.popleft())

    def _send(self, publication: Publication) -> None:
        assert self._connection is not None
        payload = publication.payload(self._clock())
        if len(payload) > self._granted.maximum_packet - _PACKET_OVERHEAD:
            self._refused(publication, PACKET_TOO_LARGE)  # to send it would cost the connection
            return
        topic = self._topic(publication.channel, publication.name)
        packet = self._connection.publish(topic, payload, publication.content_type)
        if packet is None:
            self._ready[publication.lane].appendleft(publication)
            return
        self._flights[packet] = _Flight(self._loop.time(), publication)
        self._in_flight[publication.lane] += 1

    async def _claim(self, lane: Lane) -> None:
        """Take rows where the lane has places for them: once a round, so that a backlog keeps no live event waiting."""
        if not self._wants(lane):
            return
        limit, most = self._limit, self._suspects.most or MANY
        asked = min(_CLAIM_BYTES, self._places(lane) * limit)
        rows: Sequence[Row] = await self._queue.claim(lane, _CLAIM_ROWS, asked)
        self._dry[lane] = not rows
        self._ready[lane].extend(group(rows, lane, limit=limit, batch=self._settings.batch, most=most))
        if self._connection is None:  # it went away while we waited for the rows
            self.detach()
            return
        self._send_claimed()

    def _wants(self, lane: Lane) -> bool:
        return not (self._dry[lane] or self._ready[lane] or self._blocked(lane)) and self._places(lane) > 0

    def _mind(self) -> None:
        """Hear of what is stored where a lane has run dry; know when all is sent."""
        if self._connection is None:
            return
        if self._news is None and any(self._dry.values()):
            self._news = self._loop.create_task(self._queue.changed(), name="outbox changed")
            self._news.add_done_callback(self._told)
        open_lanes = [lane for lane in LANES if not self._blocked(lane)]
        left = self._flights or self._posts or any(self._ready[lane] or not self._dry[lane] for lane in open_lanes)
        if left or self._round < self._drain_round:
            self._idle.clear()
        else:
            self._idle.set()

    def _told(self, news: asyncio.Task[None]) -> None:
        self._news = None
        if not news.cancelled():
            news.exception()  # an outbox that failed says so to the claim that comes now
            self._dry = dict.fromkeys(LANES, False)
            self._wake.set()
