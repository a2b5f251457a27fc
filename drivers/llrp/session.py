"""One conversation with one reader, without I/O: frames and time in, frames and observations out.

The order is the promise (LLRP 1.0.1, chapter 5): greeting, version, capabilities, what is asked held against them; then
ENABLE_EVENTS_AND_REPORTS and what the reader held, then its inventory, replaced only if it is not the wanted one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from drivers.contract import Antenna, Disconnected, Observation, ProtocolViolation, Read, Signal, Status, Unreachable
from drivers.llrp import events
from drivers.llrp.clock import ReaderClock
from drivers.llrp.codec.definitions import MESSAGES_BY_NAME
from drivers.llrp.codec.enums import ROSpecEventType
from drivers.llrp.codec.report import ReportDecoder
from drivers.llrp.codec.values import Message
from drivers.llrp.codec.wire import decode, encode
from drivers.llrp.faults import Faults
from drivers.llrp.outputs import Outputs
from drivers.llrp.procedure import UNANSWERED, Configured, Introduction, converse
from drivers.llrp.refusal import refusal
from drivers.llrp.rospec import ROSPEC
from drivers.llrp.settings import PortSettings, Settings
from drivers.reads import Reads, counted

_REPORT = MESSAGES_BY_NAME["RO_ACCESS_REPORT"].number
_KEEPALIVE = MESSAGES_BY_NAME["KEEPALIVE"].number
_NEGOTIATE = "GET_SUPPORTED_VERSION"
_NEGOTIATION = 2.0
"""A reader that does not know 1.1's negotiation may also say nothing to it."""

_EARLY = 100_000
"""Observations that may come before the reader has introduced itself."""

_KEPT = 4
"""Faults remembered while the inventory is being set up."""

_MISSED = 2.5
"""Intervals without a sign of life after which two keepalives are surely missing."""

_SET_UP = 12
"""Response times after which a reader that always has an answer, or yet another held report, is not ready for good."""

_CHANGES = 500
_CHANGES_IN = 5.0
"""Changes of state in so many seconds (s) that no reader means: each is weighed against all that is present."""

_STOPPED = 30.0
"""An inventory that is to run always and has stopped for so long is set up anew."""

_NO_ANSWER = "the reader does not answer when its outputs (signals) are switched"

_NOTHING = Message("NOTHING", 0)


class Memory:
    """What outlives one connection: the clock, when the reader was last heard (Unix s), what it was asked."""

    def __init__(self) -> None:
        self.clock = ReaderClock()
        self.heard: float | None = None
        self.negotiate = True


class Session:
    """`receive` frames, `tick` when `deadline` has come, send `outgoing`, hand on `observations`.

    Two clocks: `received` is the host's (Unix s, may be set), `now` a steady one. Raises `DriverError` from both.
    """

    def __init__(
        self,
        settings: Settings,
        ports: Mapping[Antenna, PortSettings],
        memory: Memory,
        outputs: Collection[int] = (),
        *,
        now: float,
    ) -> None:
        self.outgoing: list[bytes] = []
        self.observations: list[Observation | Reads] = []
        self.faults = Faults()
        self.configured: Configured | None = None
        self.introduction: Introduction | None = None
        self._settings = settings
        self._memory = memory
        self._decoder = ReportDecoder(tid_op_specs=(1,))
        self._dialogue = converse(settings, ports, outputs, negotiate=memory.negotiate)
        self._outputs = Outputs()
        self.greeted = False
        """Whether the reader has taken the connection."""
        self._pending: Message | None = None
        self._number = 0
        self._answer_by = now + settings.connect_timeout
        self._set_up_by = now + settings.connect_timeout + _SET_UP * settings.response_timeout
        self._alive_by = float("inf")
        self._poll_at = float("inf")
        self._stopped_until = float("inf")
        self._greeting = float("-inf")
        self._first_held: float | None = None
        self._gap = memory.heard
        self._lossless = True
        self._running = False
        self._early: list[Status] = []
        self._antennas: set[Antenna] = set()
        self._dark: set[Antenna] = set()
        self._changes = (now, 0)

    @property
    def ready(self) -> bool:
        """Whether the reader has answered and can do what is asked."""
        return self.introduction is not None

    @property
    def deadline(self) -> float:
        """When `tick` is due, by the steady clock."""
        due = min(self._answer_by, self._set_up_by, self._alive_by, self._poll_at, self._stopped_until)
        return min(due, self._outputs.answer_by)

    def write(self, states: Mapping[int, bool], now: float) -> None:
        """Outputs are to be so, as soon as the inventory is set up."""
        self._outputs.want(states)
        self._switch(now)

    def receive(self, frames: Sequence[bytes], received: float, now: float) -> None:
        """Complete frames, as they came. A frame that cannot be read is counted and costs nothing else."""
        for frame in frames:
            try:
                if is_report(frame):
                    self._report(frame, received, now)
                elif _kind(frame) == _KEEPALIVE:
                    self.outgoing.append(self._acknowledged(frame))
                    self._heal(received)
                else:
                    self._message(decode(frame), received, now)
            except ProtocolViolation as error:
                self._unreadable(frame, error, received)
                continue
            self._memory.heard = received
            if self.configured is not None:
                self._alive_by = now + _MISSED * self._settings.keepalive
        if not self.ready and counted(self.observations) > _EARLY:
            raise Disconnected("the reader floods its client with reports before it has answered")

    def tick(self, received: float, now: float) -> None:
        """Time has come: a poll, or what did not happen. Raises `Disconnected` or `Unreachable`."""
        if now >= self._alive_by:
            missed = f"two signs of life missed (every {self._settings.keepalive:g} s asked for)"
            raise Disconnected(f"the reader has gone silent: {missed}; check its power and network")
        if now >= self._set_up_by:
            raise Disconnected("the reader always answers and never gets ready: restart it if this goes on")
        if now >= self._stopped_until:
            raise Disconnected("the reader ended the inventory and did not begin again: it is set up anew")
        if now >= self._poll_at:
            self._send(Message("GET_REPORT", 0))
            self._poll_at = now + (self._settings.report.interval or 0)
        if now >= self._answer_by:
            self._unanswered(received, now)
        if now >= self._outputs.answer_by:
            self._outputs.give_up()
            self._degrade([self.faults.noted(Status(None, "degraded", _NO_ANSWER, received))])
            self._switch(now)

    def lost(self, cause: str, received: float) -> None:
        """The link is gone: it observed until the reader was last heard."""
        if self.configured is not None:
            self.observations.append(Status(None, "offline", cause, self._memory.heard or received))
        if self._pending is not None and self._pending.name == _NEGOTIATE:
            self._memory.negotiate = False  # some 1.0.1 readers hang up on a message they do not know

    def farewell(self) -> bytes | None:
        """What ends a conversation cleanly, outputs off, so that the reader takes the next client at once."""
        if not self.greeted:
            return None
        self.outgoing = []
        for message in self._outputs.darkness:
            self._send(message)
        self._send(Message("CLOSE_CONNECTION", 0))
        return b"".join(self.outgoing)

    @property
    def _version(self) -> int:
        return self.introduction.version if self.introduction else 1

    def _acknowledged(self, keepalive: bytes) -> bytes:
        return encode(Message("KEEPALIVE_ACK", int.from_bytes(keepalive[6:10], "big"), self._version))

    def _heal(self, received: float) -> None:
        if self.configured is not None and self.faults.healed(received):
            self._tell("nothing went wrong for a minute" if self._running else self._waits(), received)

    def _unreadable(self, frame: bytes, error: ProtocolViolation, received: float) -> None:
        if self._pending is not None and frame[6:10] == self._pending.id.to_bytes(4, "big"):
            raise ProtocolViolation(f"the answer to {self._pending.name} cannot be read: {error}") from error
        self._degrade(self.faults.frame(error, received))

    def _send(self, message: Message) -> Message:
        self._number += 1
        version = message.version if message.version > 1 else self._version
        numbered = msgspec.structs.replace(message, id=self._number, version=version)
        self.outgoing.append(encode(numbered))
        return numbered

    def _switch(self, now: float) -> None:
        """Sends what is wanted of the outputs, one message at a time, once nothing else is to be said."""
        due = self._outputs.due if self.configured is not None else None
        if due is not None:
            self._outputs.sent(self._send(due), now + self._settings.response_timeout)

    def _unanswered(self, received: float, now: float) -> None:
        if self._pending is None:
            raise Unreachable(
                "the reader took the connection but did not greet: is this an LLRP port, and is the reader up?"
            )
        name = self._pending.name
        timeout = self._settings.response_timeout
        self._advance(_NOTHING, TimeoutError(f"the reader did not answer {name} within {timeout:g} s"), received, now)

    def _message(self, message: Message, received: float, now: float) -> None:
        pending = self._pending
        if message.name == "READER_EVENT_NOTIFICATION":
            self._event(message, received, now)
        elif pending is not None and message.name in {f"{pending.name}_RESPONSE", "ERROR_MESSAGE"}:
            if message.id in {pending.id, 0}:
                self._advance(message, None, received, now)
        elif self._outputs.answers(message):
            if refusal(message) is not None:
                cause = f"the reader refuses to switch its outputs (signals): {refusal(message)}"
                self._degrade([self.faults.noted(Status(None, "degraded", cause, received))])
            self._switch(now)
        elif message.name == "ERROR_MESSAGE" and self.configured is not None:
            self._degrade([self.faults.refused(message, received)])

    def _advance(self, answer: Message, error: TimeoutError | None, received: float, now: float) -> None:
        """Hands an answer to the dialogue that waits for it, and sends what it asks next."""
        self._pending, self._answer_by = None, float("inf")
        try:
            said = self._dialogue.throw(error) if error else self._dialogue.send(answer)
            while isinstance(said, Introduction) or said.name in UNANSWERED:
                if isinstance(said, Introduction):
                    self.introduction = said
                else:
                    self._send(said)
                said = next(self._dialogue)
        except StopIteration as done:
            self._begin(done.value, received, now)
        except TimeoutError as late:
            raise Disconnected(f"{late}: restart it if this goes on") from None
        else:
            self._ask(said, now)

    def _ask(self, request: Message, now: float) -> None:
        self._pending = self._send(request)
        timeout = self._settings.response_timeout
        self._answer_by = now + (min(_NEGOTIATION, timeout) if request.name == _NEGOTIATE else timeout)

    def _report(self, frame: bytes, received: float, now: float) -> None:
        clock, offset = self._memory.clock, self._memory.clock.offset
        report = self._decoder.decode(frame, offset=offset or 0.0, received=received)
        fresh = self.configured is not None or offset is None
        if report.newest is not None and fresh and clock.observe(report.newest, received) != offset:
            report = self._decoder.decode(frame, offset=clock.offset or 0.0, received=received)
        if report.newest is not None and report.newest < self._greeting and self._pending is not None:
            self._answer_by = now + self._settings.response_timeout  # the answer waits behind what was held
        if report.bad:
            self._degrade(self.faults.entries(report.bad, received))
        if self._dark:
            self._lighten(report.reads)
        if self._first_held is None and report.reads:
            self._first_held = report.reads[0].time
        self.observations += [report.reads] if isinstance(report.reads, Reads) else report.reads

    def _lighten(self, reads: Sequence[Read]) -> None:
        """An antenna that reads is connected, whatever the reader said of it."""
        for read in reads:
            if read.antenna in self._dark:
                self._dark.discard(read.antenna)
                self.observations.append(Status(read.antenna, "online", "it reads", read.time))

    def _event(self, message: Message, received: float, now: float) -> None:
        clock, stamp, attempt = self._memory.clock, events.stamp(message), events.attempt(message)
        if not self.greeted and attempt is not None:
            self._greet(attempt, stamp, received, now)
            return
        if events.data(message).child("ConnectionCloseEvent"):
            raise Disconnected("the reader closed the connection: it restarts, or was told to")
        if stamp is not None and self.configured is not None:
            clock.observe(stamp, received)
        time = clock.time(stamp, received)
        for observation in events.observations(message, time):
            self._observe(observation, now)
        inventory = events.data(message).child("ROSpecEvent")
        if inventory is not None and inventory["ROSpecID"] == ROSPEC:
            self._inventory(inventory["EventType"], time, now)

    def _greet(self, attempt: int, stamp: float | None, received: float, now: float) -> None:
        cause = events.refused_attempt(attempt)
        if cause is not None:
            raise Unreachable(cause)
        self.greeted = True
        if stamp is not None:
            self._greeting = stamp
            self._memory.clock.seed(stamp, received)
        self._answer_by = float("inf")
        first = next(self._dialogue)
        assert isinstance(first, Message)
        self._ask(first, now)

    def _observe(self, observation: Observation, now: float) -> None:
        """Hands on what an event says. An antenna's state counts for the gateway only while inventory is set up."""
        if not isinstance(observation, Status):
            self.observations.append(observation)
        elif observation.antenna is None:
            self._degrade([self.faults.noted(observation)])
        elif self.configured is None or observation.antenna in self._antennas:
            (self._dark.add if observation.state == "offline" else self._dark.discard)(observation.antenna)
            if self.configured is not None:
                self._changed(now)
                self.observations.append(observation)

    def _changed(self, now: float) -> None:
        """A state of reader or antenna has changed."""
        since, count = self._changes
        self._changes = (since, count + 1) if now - since < _CHANGES_IN else (now, 1)
        if self._changes[1] > _CHANGES:
            told = f"its state {_CHANGES} times in {_CHANGES_IN:g} s"
            raise Disconnected(f"the reader changes {told}: something in it, or an antenna's plug, is loose")

    def _degrade(self, told: Sequence[Status]) -> None:
        """Faults; before the inventory is set up they are kept, for `degraded` would say that it observes."""
        if self.configured is None:
            self._early = [*self._early, *told][-_KEPT:]
            return
        news = [status for status in told if self.faults.news(status, self._memory.heard or status.time)]
        if not self._running:
            news = [msgspec.structs.replace(status, state="stopped") for status in news]
        self.observations += news

    def _inventory(self, event: int, time: float, now: float) -> None:
        """Start and end of the ROSpec. While it is being set up, only an inventory by input may come and go."""
        always = self._settings.start == "immediate"
        started = event == ROSpecEventType.Start_Of_ROSpec
        if self.configured is None and always:
            self._lossless = self._lossless and started
            return
        self._changed(now)
        self._running = started
        self._stopped_until = now + _STOPPED if always and not started else float("inf")
        self._tell("inventory runs" if started else self._waits(), time)

    def _waits(self) -> str:
        start = self._settings.start
        if start == "immediate":
            return "the reader ended the inventory"
        return f"inventory waits for input {start.gpi.port} to turn {start.gpi.level}"

    def _tell(self, cause: str, time: float) -> None:
        """Whether the reader observes, and with which antennas it does not."""
        self.observations.append(Status(None, "online" if self._running else "stopped", cause, time))
        if self._running:
            for antenna in self._antennas & self._dark:
                self.observations.append(Status(antenna, "offline", f"no antenna is connected to port {antenna}", time))

    def _begin(self, configured: Configured, received: float, now: float) -> None:
        """The inventory is as wanted: says since when it observes, and what went wrong meanwhile."""
        self.configured = configured
        self._set_up_by = float("inf")
        self._alive_by = now + _MISSED * self._settings.keepalive
        if self._settings.report.interval is not None:
            self._poll_at = now + self._settings.report.interval
        assert self.introduction is not None
        self._antennas = {choice.antenna for choice in self.introduction.choices.antennas}
        self._dark -= {antenna for antenna, there in configured.connected.items() if there}
        self._dark |= {antenna for antenna, there in configured.connected.items() if not there}
        self._running = configured.active or configured.begun or self._settings.start == "immediate"
        self.observations += [Signal(f"gpi{port}", high, received) for port, high in configured.inputs.items()]
        lossless = self._lossless and not self._early
        if not self._running:
            self._tell(self._waits(), received)
        elif configured.kept and configured.held and configured.active and lossless:
            kept = "nothing is missing since it was last heard" if self._gap else "while nobody listened"
            self._tell(
                f"inventory runs; the reader held its reports, {kept}", self._gap or self._first_held or received
            )
        else:
            self._tell("inventory runs", received)
        self._degrade([msgspec.structs.replace(status, time=received) for status in self._early])
        self._switch(now)


def is_report(frame: bytes) -> bool:
    """Whether this frame is an RO_ACCESS_REPORT."""
    return _kind(frame) == _REPORT


def _kind(frame: bytes) -> int:
    return int.from_bytes(frame[:2], "big") & 0x3FF
