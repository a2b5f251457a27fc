"""How well an antenna hears a tag: log-distance path loss, shadowing, fading, read probability by RSSI.

The defaults are those of an Impinj Speedway R420 with four antennas (28,000 reads of a public data set): spread
of a still tag 2.2 dB an antenna (4 to 8 dB while carried), equal antennas up to 4.7 dB apart, path-loss exponent 2.1.
"""

from __future__ import annotations

import math
from random import Random

import msgspec

WAVELENGTH = 299_792_458 / 915e6
"""Metres, at the middle of the FCC band."""


class Radio(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of one floor. Powers in dBm and dB, distances in metres, times in seconds."""

    at_one_metre: float = -42.0
    exponent: float = 2.1
    gain_error: float = 2.0
    """Standard deviation of a fixed offset per antenna."""
    shadowing: float = 3.0
    """Standard deviation of an offset per tag, antenna and stand."""
    fading: float = 2.2
    """Standard deviation from read to read of a still tag."""
    carried_fading: float = 5.0
    """The same of a tag that moves."""
    sensitivity: float = -74.0
    """RSSI at which half of the attainable reads are lost."""
    attainable: float = 0.85
    """Share of rounds in which a tag in a strong field is read."""
    blocked: float = 0.0
    """Chance per round that something stands before a tag for 3 to 25 s."""

    def mean(self, distance: float) -> float:
        """RSSI in dBm over `distance` metres, before gain, shadow and fading."""
        return self.at_one_metre - 10 * self.exponent * math.log10(max(distance, 0.5))

    def chance(self, rssi: float) -> float:
        """The probability that a round reads a tag heard at `rssi` dBm."""
        return self.attainable / (1 + math.exp(min((self.sensitivity - rssi) / 2.0, 60.0)))

    def audible(self, mean: float) -> bool:
        """Whether a tag of this mean RSSI is ever worth asking for (the rest would be one read in thousands)."""
        return mean + 3 * self.fading > self.sensitivity - 8


def phase(distance: float, noise: float) -> float:
    """Phase in degrees of a wave that travelled to the tag and back, with `noise` degrees added."""
    return (720.0 * distance / WAVELENGTH + noise) % 360.0


def doppler(closing_speed: float) -> float:
    """Doppler shift in Hz of a tag that comes nearer at `closing_speed` m/s."""
    return 2 * closing_speed / WAVELENGTH


def spread(random: Random, deviation: float, count: int) -> list[float]:
    """`count` normal offsets of the given standard deviation."""
    return [random.gauss(0, deviation) for _ in range(count)]
