"""Machines of a warehouse as a PLC shows them: conveyor, door, meter, vibration sensor. Pure: time comes in."""

from __future__ import annotations

import math
from typing import Protocol

from simulators.modbus_plc.bank import Bank


class Machine(Protocol):
    """Something that has registers."""

    bank: Bank

    def advance(self, now: float) -> None:
        """Brings the registers up to that time (s)."""


class Conveyor:
    """A belt: items pass a photo-eye and are counted.

    discrete 0 runs, 3 beam broken · coil 0 motor on · input 0 speed (0.01 m/s), 1 motor temperature (0.1 °C, int16),
    2 items counted (uint32), 4 a sensor that is not fitted (int16 0x8000), 5 an alarm word.
    """

    def __init__(self, pace: float = 0.5, dwell: float = 0.4, count: int = 0) -> None:
        self.bank = Bank()
        self.pace = pace
        self._dwell = dwell
        self.first = count
        self._began: float | None = None
        self.advance(0.0)
        self._began = None

    def advance(self, now: float) -> None:
        """Items come at `pace` a second, each breaks the beam for `dwell` seconds."""
        if self._began is None:
            self._began = now
        elapsed = now - self._began
        passed = elapsed * self.pace
        broken = self.pace > 0 and (passed % 1.0) / self.pace < self._dwell and passed >= 1.0
        bank = self.bank
        bank.bit("discrete", 0, on=self.pace > 0)
        bank.bit("discrete", 3, on=broken)
        bank.bit("coil", 0, on=self.pace > 0)
        temperature = 40.0 + 5.0 * math.sin(elapsed / 60.0)
        bank.pack("input", 0, "HhI", int(self.pace * 60), round(temperature * 10), (self.first + int(passed)) % 2**32)
        bank.words("input", 4, [0x8000, 0])


class Door:
    """A dock door with a photo-eye, moved by hand: discrete 3 beam broken, 4 door open."""

    def __init__(self) -> None:
        self.bank = Bank()
        self.beam(broken=False)
        self.open(wide=False)

    def beam(self, *, broken: bool) -> None:
        """Something stands in the light, or not."""
        self.bank.bit("discrete", 3, on=broken)

    def open(self, *, wide: bool) -> None:
        """Moves the door."""
        self.bank.bit("discrete", 4, on=wide)

    def advance(self, now: float) -> None:
        """Nothing moves by itself."""


class Meter:
    """An energy meter with the register map of an Eastron SDM630: float32 in input registers."""

    def __init__(self, volts: float = 230.0, watts: float = 1500.0) -> None:
        self.bank = Bank()
        self._volts = volts
        self._watts = watts
        self._began: float | None = None
        for address in (*range(0, 36, 2), 52, 56, 60, 62, 66, *range(70, 80, 2), 234, 236, 238, 248):
            self._set(address, 0.0)
        for address in range(342, 382, 2):
            self._set(address, 0.0)
        self.advance(0.0)
        self._began = None

    def _set(self, address: int, value: float) -> None:
        self.bank.pack("input", address, "f", value)

    def advance(self, now: float) -> None:
        """Draws its watts evenly from three phases, which waver a little."""
        if self._began is None:
            self._began = now
        elapsed = now - self._began
        for phase in range(3):
            volts = self._volts + math.sin(elapsed / 7.0 + phase * 2.1)
            self._set(phase * 2, volts)
            self._set(6 + phase * 2, self._watts / 3 / volts)
            self._set(12 + phase * 2, self._watts / 3)
        self._set(52, self._watts)
        self._set(70, 50.0 + 0.02 * math.sin(elapsed / 11.0))
        self._set(72, 1000.0 + self._watts / 1000.0 * elapsed / 3600.0)
        self._set(342, 1000.0 + self._watts / 1000.0 * elapsed / 3600.0)


class Vibration:
    """An accelerometer on a gearbox: input 100 to 131 are its last 32 samples, int16 in mg, about 1 g of gravity."""

    SAMPLES = 32

    def __init__(self, amplitude: float = 0.5, hertz: float = 49.0) -> None:
        self.bank = Bank()
        self.amplitude = amplitude
        self._hertz = hertz
        self.advance(0.0)

    def advance(self, now: float) -> None:
        """32 samples at 1 kHz up to now."""
        times = (now - 0.001 * (self.SAMPLES - 1 - place) for place in range(self.SAMPLES))
        samples = (1000 + 1000 * self.amplitude * math.sin(math.tau * self._hertz * time) for time in times)
        self.bank.pack("input", 100, f"{self.SAMPLES}h", *(max(-32767, min(32767, round(one))) for one in samples))
