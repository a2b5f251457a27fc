"""The last minutes of a segment in memory of a fixed size: reads, states and signals, what was decided. Pure.

For `readpoint explain`. Of a fast floor a sample is kept, so that it costs next to nothing there either.
"""

from __future__ import annotations

import struct
from collections import Counter, deque
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Final, NamedTuple

from drivers.observations import Antenna, Observation, Read, Scheme, Signal, Status
from drivers.reads import Reads
from gateway.inbox import Received
from gateway.location.outcome import Key, key
from gateway.model import Transition

ROOM: Final = 1_250_000
"""Bytes of packed reads."""

WHOLE: Final = 2000
"""Reads a second of which all are kept."""

RATE: Final = 1000
"""Reads a second that are kept of more: every third, fifth, seventh … is."""

DECISIONS: Final = 500
"""Transitions that are kept."""

STATES: Final = 500
"""States, and as many signals."""

LONGEST: Final = 1024
"""Bytes of an identifier; a longer one is not kept."""

PORTS: Final = 4096
"""Antennas that are told apart."""

_CHUNK: Final = 1024
"""Reads that are packed at once."""

_NAMES: Final = 16 * 1024
"""Bytes of identifiers that one chunk has, about: the last one may be longer."""

_RECORD: Final = struct.Struct("<ihhHH")
"""Milliseconds since the chunk's first, 1/100 dBm, 1/16 Hz, number of the port and, in the chunk, of the name."""

_NAME: Final = struct.Struct("<BHH")
"""Scheme, PC word, and bytes of the value behind it."""

_SILENT, _NO_PC, _FAR = -32768, 0xFFFF, 2_000_000_000

_SCHEMES: Final[tuple[Scheme, ...]] = ("epc", "code", "beacon")

_STRIDES: Final = (3, 5, 7, 11, 13, 17, 23, 29, 37, 47, 59, 73, 97)
"""No even ones: a reader asks its two or four antennas in turn, and all of them should be in the sample."""


class Chunk(NamedTuple):
    """Reads of some time, packed. `every`: of so many reads one was kept, at its worst."""

    base: float
    records: bytes
    names: bytes
    every: int

    @property
    def size(self) -> int:
        """Bytes it takes, about."""
        return len(self.records) + len(self.names) + 200


class Name(NamedTuple):
    """What was read: the identifier, as its device gives it."""

    scheme: Scheme
    value: bytes
    pc: int | None

    def read(self, entry: Entry | None = None) -> Read:
        """One read of it."""
        if entry is None:
            return Read(self.scheme, self.value, 0.0, pc=self.pc)
        one = entry
        return Read(self.scheme, self.value, one.time, one.antenna, one.rssi, None, one.doppler, pc=self.pc)


class Entry(NamedTuple):
    """One read as it is kept; `name` is the number of its name in the chunk."""

    time: float
    device: str
    antenna: Antenna | None
    rssi: float | None
    doppler: float | None
    name: int


class Said(NamedTuple):
    """A state or a signal, of which device, and when it arrived."""

    device: str
    observation: Status | Signal
    received: float


class History:
    """Remembers what `take` is given and `told` holds. Nothing is allocated before the first."""

    def __init__(self) -> None:
        self.told: deque[Transition] = deque(maxlen=DECISIONS)
        self._states: deque[Said] = deque(maxlen=STATES)
        self._signals: deque[Said] = deque(maxlen=STATES)
        self._chunks: deque[Chunk] = deque()
        self._size = 0
        self._open = bytearray()
        self._names: dict[Key, int] = {}
        self._written = bytearray()
        self._base = 0.0
        self._ports: dict[str, dict[Antenna | None, int]] = {}
        self._places: list[tuple[str, Antenna | None]] = []
        self._second = 0
        self._arrived = 0
        self._every = self._worst = 1
        self._phase = 0

    def take(self, received: Received) -> None:
        """A batch as it arrived."""
        some, now = received.batch.observations, received.time
        if int(now) != self._second:
            self._pace(int(now))
        self._arrived += len(some)
        if self._every > 1:
            some = self._sample(some)
        ports, record, names = self._ports.get(received.device), _RECORD.pack, self._names
        for one in some:
            if type(one) is not Read:
                self._other(received.device, one, now)
                continue
            port = None if ports is None else ports.get(one.antenna)
            if port is None:
                port = self._port(received.device, one.antenna)
                ports = self._ports.get(received.device)
                if port is None:
                    continue
            name = key(one)
            number = names.get(name)
            since = int((one.time - self._base) * 1000.0) if 0.0 <= one.time <= now else _FAR
            if number is None or not -_FAR < since < _FAR:
                number, since = self._begin(one, name, now)
                names = self._names
                if number < 0:
                    continue
            rssi, shift = one.rssi, one.doppler
            level = int(rssi * 100.0) if rssi is not None and -300.0 < rssi < 300.0 else _SILENT
            hertz = int(shift * 16.0) if shift is not None and -2000.0 < shift < 2000.0 else _SILENT
            self._open += record(since, level, hertz, port, number)
        if len(self._open) >= _CHUNK * _RECORD.size:
            self._pack()

    def _other(self, device: str, one: Observation, now: float) -> None:
        if isinstance(one, Status):
            self._states.append(Said(device, one, now))
        elif isinstance(one, Signal):
            self._signals.append(Said(device, one, now))

    def _begin(self, read: Read, name: Key, now: float) -> tuple[int, int]:
        """The number of a name that is new in the chunk, or -1, and the read's time in it; or in a new chunk."""
        if len(read.value) > LONGEST:
            return -1, 0
        time = read.time if 0.0 <= read.time <= now else now
        if self._open and (len(self._written) >= _NAMES or abs(time - self._base) * 1000.0 >= _FAR):
            self._pack()
        if not self._open:
            self._base = time
        number = self._names.get(name)
        if number is None:
            number = self._names[name] = len(self._names)
            pc = _NO_PC if read.pc is None else read.pc & 0xFFFF
            self._written += _NAME.pack(_SCHEMES.index(read.scheme), pc, len(read.value)) + read.value
        return number, int((time - self._base) * 1000.0)

    def telling(self, then: Callable[[Transition], None]) -> Callable[[Transition], None]:
        """What remembers a transition, and tells `then` of it."""

        def tell(transition: Transition) -> None:
            self.told.append(transition)
            then(transition)

        return tell

    def _pace(self, second: int) -> None:
        """Another second begins: as many as in the one before are expected."""
        arrived = self._arrived if second == self._second + 1 else 0
        stride = next((each for each in _STRIDES if arrived <= each * RATE), _STRIDES[-1])
        self._every = 1 if arrived <= WHOLE else stride
        self._worst = max(self._worst, self._every)
        self._second, self._arrived = second, 0

    def _sample(self, some: Sequence[Observation]) -> Sequence[Observation]:
        """Every so manieth, over the ends of batches; states and signals all."""
        kept = some[self._phase :: self._every]
        self._phase = (self._phase - len(some)) % self._every
        if isinstance(some, Reads) or [*map(type, some)].count(Read) == len(some):
            return kept
        return [one for one in some if type(one) is not Read] + [one for one in kept if type(one) is Read]

    def _port(self, device: str, antenna: Antenna | None) -> int | None:
        number = self._ports.get(device, {}).get(antenna)
        if number is None and len(self._places) < PORTS:
            number = self._ports.setdefault(device, {})[antenna] = len(self._places)
            self._places.append((device, antenna))
        return number

    def _pack(self) -> None:
        """Another chunk begins; the oldest goes where there is no room."""
        chunk = Chunk(self._base, bytes(self._open), bytes(self._written), self._worst)
        self._open, self._written, self._worst = bytearray(), bytearray(), self._every
        self._names = {}
        self._chunks.append(chunk)
        self._size += chunk.size
        while self._size > ROOM:
            self._size -= self._chunks.popleft().size

    @property
    def since(self) -> float | None:
        """When the oldest read that is kept was made, about; None if there is none."""
        if self._chunks:
            return self._chunks[0].base
        return self._base if self._open else None

    def said(self) -> list[Said]:
        """States and signals, in the order of arrival."""
        return sorted((*self._states, *self._signals), key=lambda one: one.received)

    def chunks(self) -> list[Chunk]:
        """All reads, the oldest first, to be taken apart one chunk after the other."""
        return [*self._chunks, Chunk(self._base, bytes(self._open), bytes(self._written), self._worst)]

    def names(self, chunk: Chunk) -> list[Name]:
        """What was read in one chunk, by number."""
        data, at, found = chunk.names, 0, []
        while at < len(data):
            scheme, pc, size = _NAME.unpack_from(data, at)
            at += _NAME.size + size
            found.append(Name(_SCHEMES[scheme], data[at - size : at], None if pc == _NO_PC else pc))
        return found

    def entries(self, chunk: Chunk, wanted: Container[int]) -> Iterator[Entry]:
        """The reads of these names in one chunk."""
        for since, level, hertz, port, number in _RECORD.iter_unpack(chunk.records):
            if number in wanted:
                device, antenna = self._places[port]
                rssi = None if level == _SILENT else level / 100.0
                doppler = None if hertz == _SILENT else hertz / 16.0
                yield Entry(chunk.base + since / 1000.0, device, antenna, rssi, doppler, number)

    def counted(self, chunk: Chunk) -> dict[int, tuple[int, Entry]]:
        """Of each name in one chunk: how often it was read, and the last read."""
        counts: Counter[int] = Counter()
        last: dict[int, tuple[int, int]] = {}
        for since, _, _, port, number in _RECORD.iter_unpack(chunk.records):
            counts[number] += 1
            last[number] = since, port
        found = {}
        for number, (since, port) in last.items():
            device, antenna = self._places[port]
            found[number] = counts[number], Entry(chunk.base + since / 1000.0, device, antenna, None, None, number)
        return found
