"""What a driver sees and how it fails, as plain frozen values. Pure: sans-IO cores and the location engine use them.

Part of `drivers.contract`, which gives the same names; apart from it because settings need pydantic, and these do not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

Antenna = int | str
"""A port of a device: an RFID antenna's number, a BLE adapter's name."""

Scheme = Literal["epc", "code", "beacon"]


class Read(msgspec.Struct, frozen=True, gc=False):
    """One sighting of one identifier by one device at one time (LLRP TagReportData, a scan, an advertisement).

    `time` is the read's own time corrected to the host's clock, `received` when the gateway got it (both Unix seconds);
    `rssi` dBm, `phase` degrees, `doppler` Hz; `pc` the Gen2 protocol-control word; `count` the sightings it stands for.
    """

    scheme: Scheme
    value: bytes
    time: float
    antenna: Antenna | None = None
    rssi: float | None = None
    phase: float | None = None
    doppler: float | None = None
    received: float | None = None
    count: int = 1
    channel: int | None = None
    pc: int | None = None
    tid: bytes | None = None


class Signal(msgspec.Struct, frozen=True, gc=False):
    """A change of an input: GPI, photo-eye, door contact, counter."""

    name: str
    value: bool | float
    time: float


class Measurement(msgspec.Struct, frozen=True, gc=False):
    """A measured value; `uom` is a UN/ECE Rec 20 code; a bad one has no value and says why in `reason`.

    `exception` is EPCIS's word for what is wrong with a good one: `ALARM_CONDITION` or `ERROR_CONDITION`.
    """

    point: str
    value: float | bool | str | None
    uom: str | None
    quality: Literal["good", "bad"]
    time: float
    reason: str | None = None
    exception: str | None = None


class Status(msgspec.Struct, frozen=True, gc=False):
    """Whether a device (`antenna` None) or one of its antennas observes.

    `online` observes; `stopped` answers but takes no inventory; `offline` does not answer; `degraded` observes with a
    fault. `cause` is a sentence for a person. `time` is since when: an `online` whose time lies back, at or before the
    `offline` it ends, says that the device kept what it saw meanwhile and has delivered it: there is no gap.
    """

    antenna: Antenna | None
    state: Literal["online", "degraded", "stopped", "offline"]
    cause: str
    time: float


Observation = Read | Signal | Measurement | Status


class Batch(msgspec.Struct, frozen=True, gc=False):
    """Observations as they came. `stored` is called after the COMMIT that covers them, never for a dropped one.

    `shed` is called when the gateway had no room for its reads: it will not be stored, and may be given again.
    """

    observations: Sequence[Observation]
    stored: Callable[[], None] | None = None
    shed: Callable[[], None] | None = None


class DriverError(Exception):
    """The device cannot be observed now; the message says why and what to do. The supervisor tries again.

    `again`, where it is set, says after how many seconds at most: for what costs next to nothing to try.
    """

    again: float | None = None


class Unreachable(DriverError):
    """It did not answer: wrong address, off, refused, certificate not accepted."""


class Disconnected(DriverError):
    """It answered and then went away."""


class ProtocolViolation(DriverError, ValueError):
    """It said what its protocol does not allow."""


class Rejected(DriverError):
    """It answered and refused its configuration, or cannot do what is asked."""


class Absent(Rejected):
    """What the configuration refers to is not there, a secret's file above all."""
