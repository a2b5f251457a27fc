"""A recording of a site, seen as tuning sees it: levels and silences of its zones, and decisions with other settings.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from drivers.observations import Read
from gateway.config.site import Segment, Site
from gateway.identity.directory import Directory
from gateway.location.floor import STRONGEST, WEAKEST
from gateway.location.patience import TIMEOUT
from gateway.model import Port as RulePort
from gateway.model import ReadPoint
from gateway.tuning.gaps import LONGEST, Gaps, gaps
from gateway.tuning.offsets import Gain, gains
from gateway.tuning.score import Judge, Piece, Span, Tally
from gateway.tuning.settings import NAMES, Name, Settings, Value
from gateway.tuning.stands import Port, Sample, Stand, stands
from gateway.tuning.trial import Recording, decide, outages
from gateway.tuning.walk import Change

_BLOCK_LEAST, _BLOCK_MOST, _BLOCKS = 60.0, 600.0, 8

SURE, WORTH = 2.0, 1.0
"""An offset is proposed from so many standard errors and so many dB on."""

Truth = Mapping[str, Sequence[Change]]


class Study:
    """The zones of these segments, and what a recording says of them."""

    def __init__(self, site: Site, segments: Sequence[Segment], recording: Recording) -> None:
        self._site = site
        self.segments = [segment for segment in segments if any(self._zones(segment))]
        self._recording = recording
        self._directories = {segment.name: Directory(segment.identities) for segment in self.segments}

    @staticmethod
    def _zones(segment: Segment) -> Iterator[ReadPoint]:
        return (point for point in segment.rules.read_points.values() if point.kind == "zone")

    @property
    def zones(self) -> dict[str, ReadPoint]:
        """By name."""
        return {zone.name: zone for segment in self.segments for zone in self._zones(segment)}

    @property
    def span(self) -> Span:
        """When the recording begins and ends."""
        return self._recording.start, self._recording.end

    @property
    def ports(self) -> dict[Port, RulePort]:
        """The antennas of zones."""
        zones = self.zones
        return {
            (port.device, port.antenna): port
            for segment in self.segments
            for port in segment.rules.ports
            if port.read_point in zones
        }

    def name(self, epc: bytes) -> str:
        """The object's URI, by the first identity map there is."""
        return next(iter(self._directories.values())).resolve(Read("epc", epc, 0.0)).uri

    def samples(self) -> Iterator[Sample]:
        """Reads of zones that have a level, in order; levels as the antenna reports them."""
        ports = self.ports
        whole = {device for device, antenna in ports if antenna is None}
        for device, observations, _ in self._recording.heard:
            directory = self._directories.get(self._site.devices[device].segment)
            if directory is None:
                continue
            for seen in observations:
                if type(seen) is not Read or seen.rssi is None or not WEAKEST < seen.rssi < STRONGEST:
                    continue
                port = (device, seen.antenna)
                if port not in ports:
                    if device not in whole:
                        continue
                    port = (device, None)
                yield Sample(directory.resolve(seen).uri, port, seen.time, seen.rssi)

    def gains(self, truth: Truth | None) -> dict[Port, Gain]:
        """How antennas of one driver differ."""
        ports = self.ports
        kinds = {port: self._site.devices[port[0]].driver for port in ports}
        of_zone: dict[str, list[Port]] = {}
        for each, rule in ports.items():
            of_zone.setdefault(rule.read_point, []).append(each)
        every = list(ports)

        def home(stand: Stand) -> list[Port]:
            return every if stand.zone is None else of_zone.get(stand.zone, [])

        return gains(stands(self.samples(), truth), kinds, home)

    def offsets(self, found: Mapping[Port, Gain]) -> tuple[tuple[Port, float], ...]:
        """What to write so that antennas are equal: to half a dB, where it is worth it and sure; the mean stays."""
        ports = self.ports
        if not found:
            return ()
        mean = sum(ports[port].rssi_offset_db for port in found) / len(found)
        wanted = {port: round(2 * (mean - each.gain)) / 2 for port, each in found.items()}
        return tuple(
            (port, offset)
            for port, offset in wanted.items()
            if abs(offset - ports[port].rssi_offset_db) >= max(WORTH, SURE * found[port].error)
        )

    def gaps(self, truth: Truth | None) -> dict[str, Gaps]:
        """Silences by zone; where `presence_timeout` is `auto`, `over` counts those beyond what that begins with."""
        zones = {port: rule.read_point for port, rule in self.ports.items()}
        patience = {
            name: min(TIMEOUT if zone.presence_timeout is None else zone.presence_timeout, LONGEST)
            for name, zone in self.zones.items()
        }
        return gaps(self.samples(), zones, patience, truth)

    def levels(self, truth: Truth) -> list[float]:
        """Of the objects of the truth, sorted (dBm)."""
        return sorted(sample.level for sample in self.samples() if sample.object in truth)

    def present(self) -> dict[Name, Value]:
        """Values that all zones have now; what they do not agree on is left out."""
        zones = list(self.zones.values())
        return {name: getattr(zones[0], name) for name in NAMES if len({getattr(zone, name) for zone in zones}) == 1}

    def judge(self, truth: Truth) -> Judge:
        """Scores against this truth, in pieces of an eighth of the recording, from one minute to ten."""
        start, end = self._recording.start, self._recording.end
        block = min(max((end - start) / _BLOCKS, _BLOCK_LEAST), _BLOCK_MOST)
        return Judge(truth, start, end, self._outages(), block)

    def _outages(self) -> list[Span]:
        return outages(self._recording, frozenset(device for device, _ in self.ports))

    def trial(self, judge: Judge, settings: Settings) -> dict[Piece, Tally]:
        """The score of all decisions with these settings."""
        said: dict[str, list[Change]] = {}
        for segment in self.segments:
            devices = frozenset(name for name, one in self._site.devices.items() if one.segment == segment.name)
            for event in decide(self._recording, segment, settings.applied(segment.rules), devices):
                if event.kind in ("arrived", "moved", "departed"):
                    zone = None if event.kind == "departed" else event.read_point
                    said.setdefault(event.object, []).append(Change(event.time, zone))
        return judge.score(said)
