"""The uplink of one segment: keeps a connection, says `state`, and hears what the centre asks for."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal, cast

from gateway import topics
from gateway.config.site import Segment, Site
from gateway.messages import Composer, Epoch
from gateway.model import Channel
from gateway.outbox.values import EpochState, OutboxError
from gateway.uplink.causes import ConnectError
from gateway.uplink.connection import Closed, Connection, Granted, Listener, Offer
from gateway.uplink.credentials import Credentials
from gateway.uplink.healing import Healing
from gateway.uplink.policy import SHORT_LIVED, Reconnecting
from gateway.uplink.queue import Queue
from gateway.uplink.reasons import FAILURE
from gateway.uplink.requests import Request, parse_ack, parse_request
from gateway.uplink.sender import Post, Sender
from gateway.uplink.status import PROMISE, State, Tally, UplinkStatus

_TICK = 1.0
_REQUESTS = 16
"""Requests heard between two ticks: more is a centre gone wrong, and costs nothing here."""

STOPPED = "stopped"
"""The cause of an end that we made."""

_FAREWELL = 1.0
"""Seconds the last `state` may take when the grace is used up."""


@contextlib.asynccontextmanager
async def uplink(
    site: Site,
    segment: Segment,
    outbox: Queue,
    *,
    on_request: Callable[[Request], str | None] | None = None,
    version: str,
    clock: Callable[[], float] = time.time,
    unset: Callable[[], str | None] = lambda: None,
) -> AsyncIterator[Uplink]:
    """Events go out while inside; leaving sends what is left for at most `grace` seconds and says `offline`.

    `on_request` is called in the loop for each valid request of the centre, and says why it cannot be met, if so.
    Entering never waits for the broker.
    `unset` says why TLS must wait while the clock is not set.
    """
    link = Uplink(site, segment, outbox, on_request=on_request, version=version, clock=clock, unset=unset)
    identity = site.identity(segment.name)
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(link.sender.run(), name=f"{identity} sender"),
            tasks.create_task(link.keep_connected(), name=f"{identity} connection"),
            tasks.create_task(link.healing.run(), name=f"{identity} healing"),
        ]
        try:
            yield link
        finally:
            await link.finish()
            for task in running:
                task.cancel()


class Uplink:
    """One segment's way to its broker. Made by `uplink`."""

    def __init__(
        self,
        site: Site,
        segment: Segment,
        outbox: Queue,
        *,
        on_request: Callable[[Request], str | None] | None,
        version: str,
        clock: Callable[[], float],
        unset: Callable[[], str | None],
    ) -> None:
        self._site = site
        self._segment = segment
        self._settings = segment.uplink
        self._outbox = outbox
        self.on_request = on_request
        self._version = version
        self._clock = clock
        self._unset = unset
        self._loop = asyncio.get_running_loop()
        self._composer = Composer(site.gateway, segment.name, {})
        self._names = (site.gateway.site, segment.name, site.gateway.id)
        self._ack_topic = topics.ack_topic(*self._names)
        self._request_topic = topics.request_topic(*self._names)
        self._credentials = Credentials(self._settings.tls)
        self._reconnecting = Reconnecting(self._settings, random.random)
        self._tally = Tally()
        self._topics: dict[tuple[str, str | None], str] = {}
        self._connection: Connection | None = None
        self.on_alarm: Callable[[str | None], None] | None = None
        self._alarmed: str | None = None
        self._started = clock()
        self._turned = asyncio.Event()
        self._state: State = "connecting"
        self._cause = ""
        self._since = self._started
        self._stopping: asyncio.Future[None] = self._loop.create_future()
        self._deaf: str | None = None
        self._state_due = False
        self._requests_left = _REQUESTS
        self.sender = Sender(outbox, self._settings, self._topic, self._tally, clock)
        self.healing = Healing(outbox, self._settings.resend_rate, self.sender.repeat, self._tally)

    @property
    def status(self) -> UplinkStatus:
        tally = self._tally
        return UplinkStatus(
            state=self._state,
            cause=self._cause,
            since=self._since,
            promise=PROMISE[self._settings.protocol],
            alarm=self._alarm(),
            in_flight=self.sender.in_flight,
            held=self.sender.held,
            published=tally.published,
            events=tally.events,
            refused=dict(tally.refused),
            unheard=tally.unheard,
            unanswered=tally.unanswered,
            connects=tally.connects,
            acks=tally.acks,
            requests=tally.requests,
            ignored=tally.ignored,
            repeated=tally.repeated,
            distrust=tally.distrust,
            given_up=dict(tally.given_up),
        )

    def publish_unstored(self, channel: Channel, name: str | None, payload: bytes) -> bool:
        """Send a message that is not stored (a snapshot page, health again), once; False while it cannot be taken."""
        return self.sender.post(Post(self._topic(channel, name), payload))

    async def publish_heard(self, channel: Channel, name: str | None, payload: bytes) -> bool:
        """Send a message that is not stored, and wait for its PUBACK; False where it cannot be taken or is refused."""
        answered: asyncio.Future[int] = self._loop.create_future()
        sent = self.sender.post(Post(self._topic(channel, name), payload, answered=answered))
        return sent and await answered < FAILURE

    def configured(self, site: Site) -> None:
        """Say from now on that this configuration runs; what the uplink itself is made from is the same in it."""
        self._site = site
        self._state_due = True

    async def until(self, condition: Callable[[UplinkStatus], bool]) -> UplinkStatus:
        """Wait for a state or cause; what is only counted wakes nobody."""
        while not condition(status := self.status):
            await self._turned.wait()
        return status

    async def keep_connected(self) -> None:
        """Connect, stay, and connect again, until cancelled, or until the outbox failed: that ends whoever holds it."""
        with contextlib.suppress(OutboxError):
            while not self._stopping.done():
                delay = await self._attempt()
                await asyncio.wait({self._stopping}, timeout=delay)

    async def finish(self) -> None:
        """Send what is left for the time of the grace, say `offline`, disconnect. Never raises, never waits longer."""
        self._stopping.set_result(None)
        connection = self._connection
        if connection is None:
            return
        with contextlib.suppress(TimeoutError, OutboxError):
            async with asyncio.timeout(self._settings.grace):
                await self._outbox.flush()
                await self._before_end(connection, self.sender.drain())
        answered: asyncio.Future[int] = self._loop.create_future()
        with contextlib.suppress(TimeoutError, OutboxError):
            async with asyncio.timeout(_FAREWELL):
                if self.sender.post(await self._state_post("offline", answered)):
                    await self._before_end(connection, answered)
        if answered.done() and not answered.cancelled() and answered.result() < FAILURE:
            await connection.close()
        else:
            connection.abort(STOPPED)  # nobody has heard that we go: let the Last Will say it
        self._become("offline", STOPPED)

    async def _attempt(self) -> float:
        """One connection, from its dialling to its end; seconds to wait before the next."""
        unset = self._unset() if self._settings.secure else None
        if unset is not None:
            self._become("offline", unset)
            return self._reconnecting.failed("unreachable")
        listener = Listener(self.sender.acked, self._received)
        offer = Offer(
            self._site.identity(self._segment.name),
            self._topic("state", None),
            await self._state_message("offline"),
            (self._ack_topic, self._request_topic),
        )
        connection = Connection(self._settings, offer, self._credentials, listener)
        try:
            granted = await connection.open()
        except ConnectError as error:
            if not self._reconnecting.taken_over:
                self._become("refused" if error.kind == "refused" else "offline", error.cause)
            return self._reconnecting.failed(error.kind)
        begun, refusals = self._loop.time(), self._tally.refusals
        closed = await self._stay(connection, granted)
        # Some brokers end a connection whose message they refused: that accuses no other box.
        suspicious = closed.by_peer and self._tally.refusals == refusals
        delay = self._reconnecting.ended(self._loop.time() - begun, by_peer=suspicious)
        if self._reconnecting.taken_over:
            self._become("taken_over", f"{self._rival()}; next try in {delay:g} s")
        elif not self._stopping.done():
            self._become("offline", closed.cause)
        return delay

    async def _stay(self, connection: Connection, granted: Granted) -> Closed:
        """Online until the connection ends: send, say `state`, watch for silence."""
        settings = self._settings
        self._connection = connection
        self._tally.connects += 1
        self._become("online", "")
        begun, next_state = self._loop.time(), 0.0
        tick = min(_TICK, settings.keepalive / 4, settings.ack_timeout / 4, settings.state_interval / 2)
        try:
            await self._outbox.begin_live()
            self.sender.attach(connection, granted)
            while not connection.closed.done():
                now = self._loop.time()
                if (now >= next_state or self._state_due) and not self._stopping.done():
                    next_state, self._state_due = now + settings.state_interval, False
                    self.sender.post(await self._state_post("online"))
                self._watch(connection, now - begun)
                await asyncio.wait({connection.closed}, timeout=tick)
        finally:
            connection.abort(STOPPED)
            self._connection = None
            self.sender.detach(broken=connection.closed.result().blamed)
            self.healing.forget()
        return connection.closed.result()

    def _watch(self, connection: Connection, lasted: float) -> None:
        if lasted >= SHORT_LIVED:
            self._reconnecting.settled()
        self._requests_left = _REQUESTS
        oldest = self.sender.oldest
        if oldest is not None and self._loop.time() - oldest > self._settings.ack_timeout:
            connection.abort(f"the broker left a message unanswered for {self._settings.ack_timeout:g} s")
        else:
            connection.tick()
        self._deaf = connection.deaf
        self._tell_alarm()

    def _received(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 - the listener's signature
        """What the centre says. Anything else than a proper message on one of the two topics is counted, no more."""
        ack = parse_ack(payload) if not retained and topic in topics.deliveries(self._ack_topic) else None
        if ack is not None:
            self.healing.hear(ack.receipt)
            return
        if retained or topic not in topics.deliveries(self._request_topic) or self._requests_left <= 0:
            self._tally.ignored += 1
            return
        self._requests_left -= 1
        refused = self._asked(parse_request(payload))
        if refused is None:
            self._tally.requests += 1
        else:
            self._tally.in_vain(refused, self._loop.time())

    def _asked(self, request: Request | None) -> str | None:
        """Do what the centre asks; a sentence where that cannot be."""
        if request is None:
            return 'it is neither {"snapshot": "ZONE"} nor {"state": true}'
        if request.state:
            self._state_due = True
        if request.snapshot is None or self.on_request is None:
            return None
        return self.on_request(request)

    @staticmethod
    async def _before_end(connection: Connection, awaited: Awaitable[Any]) -> None:
        """Wait for it, but no longer than the connection lasts."""
        task: asyncio.Future[Any] = asyncio.ensure_future(awaited)
        try:
            await asyncio.wait({task, connection.closed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            task.cancel()

    async def _state_post(
        self, state: Literal["online", "offline"], answered: asyncio.Future[int] | None = None
    ) -> Post:
        return Post(self._topic("state", None), await self._state_message(state), True, "state", answered=answered)

    async def _state_message(self, state: Literal["online", "offline"]) -> bytes:
        epochs = await self._outbox.epochs()
        return self._composer.state(
            state,
            stream=self._outbox.stream,
            epochs=[Epoch(row.epoch, row.last, row.pending) for row in epochs if self._to_tell(row)],
            previous_stream=self._outbox.previous_stream,
            version=self._version,
            configuration=self._site.digest,
            since=self._started,
            time=self._clock(),
        )

    def _to_tell(self, row: EpochState) -> bool:
        """Whether `state` names this epoch: all that the centre has not wholly confirmed, and the present one."""
        return row.stream == self._outbox.stream and (row.confirmed < row.last or row.epoch == self._outbox.epoch)

    def _topic(self, channel: str, name: str | None) -> str:
        found = self._topics.get((channel, name))
        if found is None:
            found = self._topics[channel, name] = topics.topic(*self._names, cast("Channel", channel), name)
        return found

    def _become(self, state: State, cause: str) -> None:
        if state != self._state:
            self._since = self._clock()
        self._state, self._cause = state, cause
        self._tell_alarm()
        turned, self._turned = self._turned, asyncio.Event()
        turned.set()

    def _tell_alarm(self) -> None:
        """Say what it is when that changes, and once that there is none any more."""
        alarm = self._alarm()
        if alarm != self._alarmed:
            self._alarmed = alarm
            if self.on_alarm is not None:
                self.on_alarm(alarm)

    def _alarm(self) -> str | None:
        if self._reconnecting.taken_over:
            return self._rival()
        if self._deaf is not None:
            return f"the broker lets this gateway not read its own ack and request topics: {self._deaf}"
        return self._tally.trouble(self._loop.time())

    def _rival(self) -> str:
        return (
            f"another box uses the identity {self._site.identity(self._segment.name)}: the broker ended the last "
            "connections within 10 s; find the box with the same gateway.id and certificate"
        )
