"""How long what was heard of a load waits for more, when nobody hears some or all of it any longer."""

from __future__ import annotations

from typing import Final

from gateway.location.company import chance, evident, handful
from gateway.location.evidence import Evidence

HOLD: Final = 20.0
"""Seconds that what may be chance waits: what was hidden is heard again then, be it that it stands or that it comes."""

TOGETHER: Final = 8.0
"""Seconds that the first tag of a passage waits for the last."""

LEAVING: Final = 4.0
"""The same among those that stood: they leave together, too."""


def patience(company: list[Evidence], ended: list[Evidence], *, gated: bool, one_sided: bool, beside: bool) -> float:
    """Seconds after the last read of those of a company that have `ended`. `gated`: a signal says when all is over;
    `one_sided`: one side is enough to cross; `beside`: a neighbour still hears one of them."""
    doubt = chance(company) or (handful(ended) and not evident(company))
    if doubt and not (gated or one_sided):
        return HOLD
    if beside or len(ended) < len(company):
        return TOGETHER
    return LEAVING if not gated and any(one.tag.parked for one in ended) else 0.0
