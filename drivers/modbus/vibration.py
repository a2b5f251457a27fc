"""Acceleration over a window as three figures: RMS, peak and crest factor (ISO 13373-2). Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec


class Figures(msgspec.Struct, frozen=True):
    """Of one window, in the unit of the acceleration; `crest` is peak / RMS, None where nothing moves."""

    rms: float
    peak: float
    crest: float | None


MOST_SAMPLES = 100_000
"""Of one window: a window that is told as longer ends here."""


class Window:
    """Gathers samples for `length` seconds. With `level` their mean is taken off: gravity is no vibration."""

    def __init__(self, length: float, *, level: bool = True) -> None:
        self._length = length
        self._level = level
        self._samples: list[float] = []
        self._begin = 0.0

    def add(self, samples: Iterable[float], time: float) -> Figures | None:
        """The figures of the window that ends with these samples, at `time`; None while it is not full."""
        if not self._samples:
            self._begin = time
        self._samples += samples
        elapsed = time - self._begin
        if 0 <= elapsed < self._length and len(self._samples) < MOST_SAMPLES:
            return None
        figures = measure(self._samples, level=self._level)
        self._samples = []
        return figures

    def clear(self) -> None:
        """Begins anew: samples are missing."""
        self._samples = []


def measure(samples: list[float], *, level: bool = True) -> Figures:
    """RMS, peak and crest factor of the samples, about their mean where `level`."""
    mean = math.fsum(samples) / len(samples) if level else 0.0
    rms = math.sqrt(math.fsum((one - mean) ** 2 for one in samples) / len(samples))
    peak = max(abs(one - mean) for one in samples)
    return Figures(_short(rms), _short(peak), _short(peak / rms) if rms > 0 else None)


def _short(value: float) -> float:
    """Six digits: no accelerometer has more."""
    return float(f"{value:.6g}")
