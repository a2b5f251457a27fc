"""The reader as a state machine without I/O: frames and time in, frames out (LLRP 1.0.1, sections 6 to 14).

The shell calls `connect`, `requests.receive`, `advance` and `disconnect` with the host's time, writes `link.out`, and
calls `advance` again at `deadline`. ROSpecs go on running without a client, as the standard has it.
"""

from __future__ import annotations

import math

import msgspec

from drivers.llrp.codec.enums import (
    ConnectionAttemptStatusType,
    NotificationEventType,
    ROReportTriggerType,
    ROSpecEventType,
    ROSpecStartTriggerType,
    ROSpecState,
    StatusCode,
)
from drivers.llrp.codec.values import Element, Message
from simulators.air import Air, Heard
from simulators.llrp_reader.access import AccessSpec
from simulators.llrp_reader.device import Device
from simulators.llrp_reader.elements import element, status
from simulators.llrp_reader.flood import Flood
from simulators.llrp_reader.link import Link, event
from simulators.llrp_reader.options import ReaderOptions
from simulators.llrp_reader.plan import Plan
from simulators.llrp_reader.reports import selector
from simulators.llrp_reader.run import Run
from simulators.llrp_reader.settings import Settings

_ANOTHER = ConnectionAttemptStatusType.Another_Connection_Attempted
_TAKEN = ConnectionAttemptStatusType.Failed_A_Client_Initiated_Connection_Already_Exists
_SWITCHED = {
    "HoppingEvent": NotificationEventType.Upon_Hopping_To_Next_Channel,
    "GPIEvent": NotificationEventType.GPI_Event,
    "ROSpecEvent": NotificationEventType.ROSpec_Event,
    "ReaderExceptionEvent": NotificationEventType.Reader_Exception_Event,
    "AISpecEvent": NotificationEventType.AISpec_Event,
    "AntennaEvent": NotificationEventType.Antenna_Event,
}


class RoSpec(msgspec.Struct):
    """A ROSpec as the reader keeps it: `due` is when its start trigger fires next."""

    element: Element
    plan: Plan
    added: float
    enabled: bool = False
    stopped: bool = False
    """By STOP_ROSPEC: an immediate start trigger does not start it again."""
    due: float = math.inf


class ReaderCore:
    """One reader since it was switched on."""

    def __init__(self, options: ReaderOptions, air: Air, now: float) -> None:
        self.device = Device(options, air, now)
        self.settings = Settings(self.device)
        self.link = Link(self.device)
        self.rospecs: dict[int, RoSpec] = {}
        self.accessspecs: dict[int, AccessSpec] = {}
        self.run: Run | None = None
        self.flood = Flood(self.device)
        self.keepalives = True
        self.closing = self.link_lost = False
        self._unanswered = 0
        self._unasked: list[tuple[bytes, int]] = []
        self._keepalive_due = math.inf

    def restarted(self, now: float) -> ReaderCore:
        """The same reader after power off and on: what is plugged into it stays, and so do the faults of its clock."""
        core = ReaderCore(self.device.options, self.device.air, now)
        core.device.unplugged, core.device.inputs = self.device.unplugged, self.device.inputs
        core.device.offset, core.device.utc = self.device.offset, self.device.utc
        core.device.stuck, core.device.switched = self.device.stuck, self.device.switched
        for port in self.device.outputs:
            self.device.drive(port, state=False)
        core.keepalives = self.keepalives
        return core

    # the connection

    def connect(self, now: float) -> None:
        """A client is there: its ConnectionAttemptEvent, then what was kept for it unless that is held."""
        self.link.connect(hold=self.settings.hold)
        self.closing = self.link_lost = False
        self._unanswered = 0
        self.link.send(attempt(self.device, now, ConnectionAttemptStatusType.Success, self.link.number()))
        self.keep_alive(now)
        if not self.link.held:
            self.link.release(now)

    def disconnect(self) -> None:
        """The client is gone; ROSpecs go on."""
        self.link.disconnect()
        self._keepalive_due = math.inf

    def complain(self, number: int, code: StatusCode, text: str) -> None:
        """ERROR_MESSAGE (section 14.1.1)."""
        self.link.send(Message("ERROR_MESSAGE", number, self.link.version, {}, (status(code, text),)))

    def refuse(self, now: float) -> Message:
        """What a second client is told; the first one learns that there was another attempt (section 13.1.6.10)."""
        self.link.send(attempt(self.device, now, _ANOTHER, self.link.number()))
        return attempt(self.device, now, _TAKEN, self.link.number())

    def acknowledged(self) -> None:
        """A KEEPALIVE_ACK came."""
        self._unanswered = 0

    def keep_alive(self, now: float) -> None:
        """Keepalives from now on, as configured."""
        period = self.settings.keepalive
        self._keepalive_due = now + period if period and self.link.linked else math.inf

    # time

    @property
    def deadline(self) -> float:
        """When something is due next; infinite if nothing is."""
        starts = (rospec.due for rospec in self.rospecs.values())
        running = self.run.deadline if self.run else math.inf
        return min(self._keepalive_due, running, self.flood.due, *starts)

    def advance(self, now: float) -> None:
        """Does everything that is due at `now`."""
        while self.deadline <= now:
            if self._keepalive_due <= now:
                self._send_keepalive(now)
            for body, tags in self.flood.advance(now):
                self.link.report(body, tags, now)
            if self.run is not None and self.run.deadline <= now:
                self.run.advance(now, self._access if self._accessing() else None)
                self._collect(now)
            self._start_due(now)

    def _send_keepalive(self, now: float) -> None:
        if 0 < self.settings.link_down <= self._unanswered:
            self.link_lost = True
            self._keepalive_due = math.inf
            return
        if self.keepalives:
            self._unanswered += 1
            self.link.send(Message("KEEPALIVE", self.link.number(), self.link.version))
        self._keepalive_due += self.settings.keepalive
        if self._keepalive_due <= now:
            self._keepalive_due = now + self.settings.keepalive

    def _start_due(self, now: float) -> None:
        for rospec in list(self.rospecs.values()):
            if rospec.due <= now:
                due, rospec.due = rospec.due, math.inf
                periodic = rospec.plan.start == ROSpecStartTriggerType.Periodic
                if periodic and rospec.plan.period:
                    rospec.due = due + math.ceil(max(now - due, 1e-6) / rospec.plan.period) * rospec.plan.period
                self.start(rospec, due)

    # events

    def notify(self, what: Element, now: float) -> None:
        """An event, if the client asked for its kind."""
        kind = _SWITCHED[what.name]
        detailed = (
            kind == NotificationEventType.AISpec_Event
            and self.settings.notify[NotificationEventType.AISpec_Event_With_Details]
        )
        if detailed:
            details = element("C1G2SingulationDetails", NumCollisionSlots=0, NumEmptySlots=0)
            what = Element(what.name, what.fields, (details,))
        if detailed or self.settings.notify[kind]:
            self.link.notify(event(self.device, now, what))

    def set_input(self, port: int, state: bool, now: float) -> None:  # noqa: FBT001 - an input is on or off
        """An input changed: its event, and what it starts and stops. KeyError for an input the reader has not."""
        if self.device.inputs[port] == state:
            return
        self.device.inputs[port] = state
        if not self.settings.inputs_on[port]:
            return
        self.notify(element("GPIEvent", GPIPortNumber=port, GPIEvent=state), now)
        if self.run is not None:
            self.run.edge(port, state, now)
            self._collect(now)
        for rospec in list(self.rospecs.values()):
            trigger = rospec.plan.start_gpi
            if rospec.enabled and trigger is not None and (trigger.port, trigger.state) == (port, state):
                self.start(rospec, now)

    def set_antenna(self, antenna: int, now: float, *, up: bool) -> None:
        """An antenna is plugged or pulled. ValueError for one the reader has not."""
        if antenna not in self.device.antennas:
            raise ValueError(f"there is no antenna {antenna}")
        if up == (antenna in self.device.unplugged):
            (self.device.unplugged.discard if up else self.device.unplugged.add)(antenna)
            self.notify(element("AntennaEvent", EventType=int(up), AntennaID=antenna), now)

    def use_uptime(self, now: float) -> None:
        """The reader loses its UTC clock: what it saw is reported by the old one, the rest by its uptime."""
        if self.run is not None:
            self.run.reports += self.run.seen.switch_to_uptime()
            self._collect(now)
        self.device.utc = False

    # running

    def state(self, rospec: RoSpec) -> ROSpecState:
        """Disabled, inactive or active."""
        if self.run is not None and self.run.plan.id == rospec.plan.id:
            return ROSpecState.Active
        return ROSpecState.Inactive if rospec.enabled else ROSpecState.Disabled

    def start(self, rospec: RoSpec, now: float) -> bool:
        """Starts an enabled ROSpec; False where one of the same or a higher priority (smaller number) is running."""
        if self.run is not None:
            if self.run.plan.id == rospec.plan.id:
                return True
            if self.run.plan.priority <= rospec.plan.priority:
                return False
            self.stop(now, by=rospec.plan.id)
        rospec.stopped = False
        report = rospec.plan.report or self.settings.report
        fields = selector(report, extended=self.settings.extensions)
        self.run = Run(rospec.plan, self.device, tuple(self.settings.antennas.values()), report, fields, now)
        self._announce(ROSpecEventType.Start_Of_ROSpec, rospec.plan.id, now)
        return True

    def stop(self, now: float, *, by: int = 0) -> None:
        """Stops what is running; with `by` another ROSpec preempts it."""
        if self.run is not None:
            self.run.stop(now)
            self._collect(now, by=by)

    def halt(self, rospec: RoSpec, now: float) -> None:
        """Stops a ROSpec for its client, running or about to (STOP_ROSPEC overrides all priorities)."""
        rospec.stopped = True
        if rospec.plan.start == ROSpecStartTriggerType.Immediate:
            rospec.due = math.inf
        if self.state(rospec) == ROSpecState.Active:
            self.stop(now)

    def arm(self, rospec: RoSpec, now: float) -> None:
        """Enables a ROSpec: its start trigger counts from now on."""
        rospec.enabled, rospec.stopped = True, False
        plan = rospec.plan
        if plan.start == ROSpecStartTriggerType.Immediate:
            rospec.due = now
        elif plan.start == ROSpecStartTriggerType.Periodic:
            first = rospec.added if plan.starts is None else plan.starts - self.device.offset
            first += plan.offset
            late = max(math.ceil((now - first) / plan.period), 0) if plan.period else 0
            rospec.due = first + late * plan.period
            if rospec.due < now:
                rospec.due = math.inf  # a one-shot whose time has passed

    def disarm(self, rospec: RoSpec, now: float) -> None:
        """Disables a ROSpec, stopping it if it runs."""
        rospec.enabled, rospec.due = False, math.inf
        if self.state(rospec) == ROSpecState.Active:
            self.stop(now)

    def reports(self) -> list[tuple[bytes, int]]:
        """All reports accumulated so far, for GET_REPORT."""
        found = self.link.take_reports() + self._unasked
        self._unasked = []
        return found + (self.run.seen.flush() if self.run else [])

    def _collect(self, now: float, *, by: int = 0) -> None:
        run = self.run
        assert run is not None
        reports, run.reports = run.reports, []
        if run.trigger == ROReportTriggerType.None_:
            self._unasked = (self._unasked + reports)[-1000:]
        else:
            for body, tags in reports:
                self.link.report(body, tags, now)
        for time, what in run.events:
            self.notify(what, time)
        run.events.clear()
        if run.ended is not None:
            self.run = None
            kind = ROSpecEventType.Preemption_Of_ROSpec if by else ROSpecEventType.End_Of_ROSpec
            self._announce(kind, run.plan.id, run.ended, by)
            self._wake(max(run.ended, run.started + self.device.options.period))

    def _wake(self, now: float) -> None:
        """Nothing runs: ROSpecs that start immediately do, again or at last."""
        for rospec in self.rospecs.values():
            immediate = rospec.plan.start == ROSpecStartTriggerType.Immediate
            if rospec.enabled and immediate and not rospec.stopped:
                rospec.due = now

    def _announce(self, kind: ROSpecEventType, rospec: int, now: float, by: int = 0) -> None:
        self.notify(element("ROSpecEvent", EventType=int(kind), ROSpecID=rospec, PreemptingROSpecID=by), now)

    def _accessing(self) -> bool:
        return any(spec.enabled for spec in self.accessspecs.values())

    def _access(self, heard: Heard, antenna: int) -> bytes:
        assert self.run is not None
        for spec in self.accessspecs.values():
            results = spec.results(heard, antenna, self.run.plan.id, with_id=self.run.fields.access)
            if results is not None:
                return results
        return b""


def attempt(device: Device, now: float, outcome: ConnectionAttemptStatusType, number: int) -> Message:
    """The event that begins every connection, or refuses it (section 13.1.6.10)."""
    what = event(device, now, element("ConnectionAttemptEvent", Status=int(outcome)))
    return Message("READER_EVENT_NOTIFICATION", number, 1, {}, (what,))
