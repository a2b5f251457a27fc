"""Scalable Vector Graphics (SVG 1.1) as text: the few shapes that pictures of traces need. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from gateway.describe import printable

FONT = "font-family='Inter, Segoe UI, Helvetica, Arial, sans-serif'"

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7a5c00", "#56b4e9", "#e69f00", "#444444")
"""Okabe and Ito's, told apart by the colour-blind too."""

_HATCHED = (
    "<defs><pattern id='unseen' width='6' height='6' patternUnits='userSpaceOnUse' patternTransform='rotate(45)'>"
    "<rect width='6' height='6' fill='#f1f1f1'/><line x1='0' y1='0' x2='0' y2='6' stroke='#bdbdbd' stroke-width='2'/>"
    "</pattern></defs>"
)
_SHAPES = ("circle", "square", "up", "diamond", "down")


def number(value: float) -> str:
    """One decimal, and no `.0`: the same picture gives the same text."""
    text = f"{value:.1f}"
    return text.removesuffix(".0") if text != "-0.0" else "0"


def words(text: str) -> str:
    """Text from anywhere, safe inside a picture."""
    return escape(printable(text), quote=True)


def text(x: float, y: float, said: str, *, size: int = 12, colour: str = "#222222", anchor: str = "start") -> str:
    """A line of text; `anchor` is `start`, `middle` or `end`."""
    place = f"x='{number(x)}' y='{number(y)}' font-size='{size}'"
    return f"<text {place} fill='{colour}' text-anchor='{anchor}'>{words(said)}</text>"


def line(x1: float, y1: float, x2: float, y2: float, colour: str, *, width: float = 1, dash: str = "") -> str:
    """From one point to another; `dash` as in `4 3`."""
    ends = f"x1='{number(x1)}' y1='{number(y1)}' x2='{number(x2)}' y2='{number(y2)}'"
    dashed = f" stroke-dasharray='{dash}'" if dash else ""
    return f"<line {ends} stroke='{colour}' stroke-width='{number(width)}'{dashed}/>"


def box(x: float, y: float, width: float, height: float, fill: str, *, opacity: float = 1, hint: str = "") -> str:
    """A filled rectangle; `hint` is shown by a browser when it is pointed at."""
    place = f"x='{number(x)}' y='{number(y)}' width='{number(max(width, 0))}' height='{number(max(height, 0))}'"
    faint = f" fill-opacity='{opacity:.2f}'" if opacity != 1 else ""
    inside = f"<title>{words(hint)}</title>" if hint else ""
    return f"<rect {place} fill='{fill}'{faint}>{inside}</rect>"


def path(points: Iterable[tuple[float, float]], colour: str, *, width: float = 1.5, dash: str = "") -> str:
    """A line through points."""
    way = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    dashed = f" stroke-dasharray='{dash}'" if dash else ""
    return f"<polyline points='{way}' fill='none' stroke='{colour}' stroke-width='{number(width)}'{dashed}/>"


def marks(points: Iterable[tuple[float, float]], series: int, *, hollow: bool = False) -> str:
    """Small marks of one series, told apart by colour and shape."""
    colour, shape = COLOURS[series % len(COLOURS)], _SHAPES[series % len(_SHAPES)]
    drawn = "".join(_mark(x, y, shape) for x, y in points)
    fill = "none" if hollow else colour
    return (
        f"<path d='{drawn}' fill='{fill}' stroke='{colour}' stroke-width='0.6' fill-opacity='0.75'/>" if drawn else ""
    )


def _mark(x: float, y: float, shape: str) -> str:
    place = f"M{number(x)} {number(y)}"
    if shape == "circle":
        return f"{place}m-2.2 0a2.2 2.2 0 1 0 4.4 0a2.2 2.2 0 1 0 -4.4 0z"
    if shape == "square":
        return f"{place}m-2 -2h4v4h-4z"
    if shape == "up":
        return f"{place}m0 -2.6l2.6 4.6h-5.2z"
    if shape == "down":
        return f"{place}m0 2.6l2.6 -4.6h-5.2z"
    return f"{place}m0 -2.8l2.8 2.8l-2.8 2.8l-2.8 -2.8z"


def document(width: float, height: float, title: str, parts: Iterable[str]) -> str:
    """A whole file, on white whatever lies behind it. A part a line, so that changes can be seen."""
    size = f"width='{number(width)}' height='{number(height)}' viewBox='0 0 {number(width)} {number(height)}'"
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' {size} role='img' {FONT}>",
        f"<title>{words(title)}</title>",
        _HATCHED,
        box(0, 0, width, height, "#ffffff"),
        *(part for part in parts if part),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"
