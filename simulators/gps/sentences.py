"""What a receiver says of a pose once a cycle: RMC, GGA, GSA and VTG as IEC 61162-1 words them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from drivers.nmea.framing import frame
from simulators.gps.route import Pose

Blind = Literal["empty", "zeros", "last"]
"""What a receiver without a fix puts where its position was: all three exist."""

_KNOT = 1852 / 3600


def cycle(pose: Pose, time: float, *, hdop: float = 0.9, satellites: int = 9) -> list[bytes]:
    """With a fix, at `time` (Unix seconds)."""
    clock, date, place = *_stamps(time), _place(pose.latitude, pose.longitude)
    knots, course = pose.speed / _KNOT, pose.course
    return [
        frame(f"GNRMC,{clock},A,{place},{knots:.2f},{course:.2f},{date},,,A"),
        frame(f"GNGGA,{clock},{place},1,{satellites:02d},{hdop:.2f},45.0,M,50.0,M,,"),
        frame(f"GNGSA,A,3,02,05,07,13,15,20,24,28,30,,,,1.60,{hdop:.2f},1.32,1"),
        frame(f"GNVTG,{course:.2f},T,,M,{knots:.2f},N,{knots * 1.852:.2f},K,A"),
    ]


def blind(pose: Pose, time: float, how: Blind = "empty") -> list[bytes]:
    """Without a fix."""
    clock, date = _stamps(time)
    place = {"empty": ",,,", "zeros": _place(0.0, 0.0), "last": _place(pose.latitude, pose.longitude)}[how]
    return [
        frame(f"GNRMC,{clock},V,{place},,,{date},,,N"),
        frame(f"GNGGA,{clock},{place},0,00,99.99,,,,,,"),
        frame("GNGSA,A,1,,,,,,,,,,,,,99.99,99.99,99.99,1"),
        frame("GNVTG,,,,,,,,,N"),
    ]


def _stamps(time: float) -> tuple[str, str]:
    now = datetime.fromtimestamp(time, UTC)
    return f"{now:%H%M%S}.{now.microsecond // 10_000:02d}", f"{now:%d%m%y}"


def _place(latitude: float, longitude: float) -> str:
    north = f"{_minutes(latitude, 2)},{'N' if latitude >= 0 else 'S'}"
    return f"{north},{_minutes(longitude, 3)},{'E' if longitude >= 0 else 'W'}"


def _minutes(degrees: float, digits: int) -> str:
    """ddmm.mmmmm: whole degrees, then minutes."""
    hundred_thousandths = round(abs(degrees) * 60 * 100_000)
    whole, rest = divmod(hundred_thousandths, 60 * 100_000)
    return f"{whole:0{digits}d}{rest // 100_000:02d}.{rest % 100_000:05d}"
