"""Sentences → reports: RMC, GGA, GNS, GLL, VTG and GSA of any talker, by pynmeagps. No I/O.

What a receiver sends without a fix (empty fields, zeros, the last position known) is no position here.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from typing import Any

from pynmeagps import (  # type: ignore[import-untyped]
    NMEAMessageError,
    NMEAParseError,
    NMEAReader,
    NMEATypeError,
)

from drivers.nmea.fix import NO_FIX, Report
from drivers.observations import ProtocolViolation

KNOT = 1852 / 3600
"""Metres per second."""

_FIXED = frozenset("ADPRF")
"""Mode indicators of a fix by satellites: autonomous, differential, precise, RTK, float RTK."""

_OTHERWISE = {
    "E": "the position is only estimated (dead reckoning)",
    "M": "the position was typed in by hand",
    "S": "the receiver runs its own simulator",
}
_QUALITIES = {0: "N", 1: "A", 2: "D", 3: "P", 4: "R", 5: "F", 6: "E", 7: "M", 8: "S"}
"""Quality of GGA → mode indicator of the others."""


def parse(sentence: bytes) -> Report | None:
    """What it says; None where it says nothing of position. ProtocolViolation for what cannot be a position."""
    kind = sentence[1:6].decode("ascii", "replace")
    read = _READERS.get(kind[2:])
    if read is None or kind[0] == "P":
        return None
    try:
        message = NMEAReader.parse(sentence + b"\r\n")
    except (NMEAParseError, NMEAMessageError, NMEATypeError, ValueError, IndexError, KeyError) as error:
        raise ProtocolViolation(f"{kind}: {error}") from error
    return None if message is None else read(kind, message)


def _rmc(kind: str, message: Any) -> Report:
    mode = _text(message, "posMode") or "A"
    return Report(
        kind,
        _clock(message),
        *_fixed(mode if _text(message, "status") == "A" else "N"),
        *_place(message),
        speed=_scaled(message, "spd", KNOT),
        course=_course(message, "cog"),
    )


def _gga(kind: str, message: Any) -> Report:
    quality = _number(message, "quality")
    mode = _QUALITIES.get(int(quality), "N") if quality is not None else "N"
    return Report(kind, _clock(message), *_fixed(mode), *_place(message), **_quality(message))


def _gns(kind: str, message: Any) -> Report:
    """One mode for each constellation: one that has a fix is enough. Without modes it is an addition to another GNS."""
    modes = _text(message, "posMode")
    if not modes:
        return Report(kind, _clock(message))
    return Report(kind, _clock(message), *_fixed(modes), *_place(message), **_quality(message))


def _gll(kind: str, message: Any) -> Report:
    mode = _text(message, "posMode") or "A"
    fixed = _fixed(mode if _text(message, "status") == "A" else "N")
    return Report(kind, _clock(message), *fixed, *_place(message))


def _vtg(kind: str, message: Any) -> Report:
    return Report(kind, speed=_scaled(message, "sogn", KNOT), course=_course(message, "cogt"))


def _gsa(kind: str, message: Any) -> Report:
    """Of one constellation, which may have no fix while others do: then it says nothing."""
    return Report(kind, hdop=_number(message, "HDOP") if _number(message, "navMode") != 1 else None)


_READERS: dict[str, Callable[[str, Any], Report]] = {
    "RMC": _rmc,
    "GGA": _gga,
    "GNS": _gns,
    "GLL": _gll,
    "VTG": _vtg,
    "GSA": _gsa,
}


def _fixed(modes: str) -> tuple[bool, str]:
    if _FIXED & set(modes):
        return True, ""
    return False, next((_OTHERWISE[mode] for mode in modes if mode in _OTHERWISE), NO_FIX)


def _place(message: Any) -> tuple[float | None, float | None]:
    """Latitude and longitude; neither where one is missing, or both are 0, which stands for nothing."""
    latitude, longitude = _number(message, "lat"), _number(message, "lon")
    if latitude is None or longitude is None or not _text(message, "NS") or not _text(message, "EW"):
        return None, None
    if abs(latitude) > 90.0 or abs(longitude) > 180.0:
        raise ProtocolViolation(f"a latitude of {latitude:g}, a longitude of {longitude:g}")
    return (None, None) if latitude == longitude == 0.0 else (latitude, longitude)


def _quality(message: Any) -> dict[str, Any]:
    satellites = _number(message, "numSV")
    return {
        "hdop": _number(message, "HDOP"),
        "satellites": None if satellites is None else int(satellites),
        "altitude": _number(message, "alt"),
    }


def _course(message: Any, name: str) -> float | None:
    course = _number(message, name)
    return course if course is not None and 0.0 <= course <= 360.0 else None


def _scaled(message: Any, name: str, factor: float) -> float | None:
    value = _number(message, name)
    return None if value is None or value < 0.0 else value * factor


def _clock(message: Any) -> float | None:
    time = getattr(message, "time", None)
    if not isinstance(time, dt.time):
        return None
    return time.hour * 3600 + time.minute * 60 + time.second + time.microsecond / 1e6


def _number(message: Any, name: str) -> float | None:
    value = getattr(message, name, None)
    if isinstance(value, str | int | float) and value != "":
        try:
            number = float(value)
        except ValueError:
            return None
        return number if math.isfinite(number) else None
    return None


def _text(message: Any, name: str) -> str:
    return str(getattr(message, name, "") or "")
