"""A reader that can do little, for what is asked of it."""

from __future__ import annotations

from drivers.llrp.capabilities import Capabilities, Level

PLAIN = Capabilities(
    manufacturer=4711,
    model=1,
    firmware="1.0",
    antennas=2,
    gpis=2,
    holding=False,
    buffer_warning=False,
    max_access_specs=0,
    max_filters=2,
    country=276,
    standard=2,
    powers=(Level(1, 10.0), Level(2, 20.0), Level(3, 29.2), Level(4, 31.5)),
    sensitivities=(Level(1, 0.0), Level(2, 10.0)),
    channels=(865_700, 866_300),
    modes=(7, 9),
)
