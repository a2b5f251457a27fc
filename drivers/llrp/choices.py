"""What is asked for, as far as this reader can do it: settings and capabilities → the reader's own indexes.

Whatever it cannot do is collected as sentences and raised as one `Rejected`, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from drivers.contract import Antenna, Rejected
from drivers.llrp.capabilities import Capabilities, Level
from drivers.llrp.codec.enums import CommunicationsStandard, ImpinjInventorySearchType
from drivers.llrp.settings import PortSettings, Settings

IMPINJ_MODES = {
    "MaxThroughput": 0,
    "Hybrid": 1,
    "DenseReaderM4": 2,
    "DenseReaderM8": 3,
    "MaxMiller": 4,
    "DenseReaderM4Two": 5,
    "AutoSetDenseReader": 1000,
    "AutoSetDenseReaderDeepScan": 1002,
    "AutoSetStaticFast": 1003,
    "AutoSetStaticDRM": 1004,
}
"""Octane's names for mode identifiers."""

_IMPINJ_PREFERENCE = (1002, 1000, 2)
_SEARCH = {
    "single_target": ImpinjInventorySearchType.Single_Target,
    "dual_target": ImpinjInventorySearchType.Dual_Target,
    "tag_focus": ImpinjInventorySearchType.Single_Target_With_Suppression,
}
_Standard = CommunicationsStandard
_REGIONS: Mapping[str, tuple[frozenset[int], frozenset[int]]] = {
    "fcc": (frozenset({_Standard.US_FCC_Part_15}), frozenset({840, 124, 484})),
    "etsi": (frozenset({_Standard.ETSI_302_208, _Standard.ETSI_300_220}), frozenset()),
    "japan": (frozenset({_Standard.Japan_ARIB_STD_T89}), frozenset({392})),
    "china": (frozenset(), frozenset({156})),
    "korea": (frozenset({_Standard.Korea_MIC_Article_5_2}), frozenset({410})),
    "australia": (frozenset({_Standard.Australia_LIPD_1W, _Standard.Australia_LIPD_4W}), frozenset({36})),
    "brazil": (frozenset(), frozenset({76})),
    "taiwan": (frozenset({_Standard.Taiwan_DGT_LP0002}), frozenset({158})),
    "india": (frozenset(), frozenset({356})),
}
"""Region → its values of CommunicationsStandard, and its countries (ISO 3166 numbers) where that says nothing."""


_ANTENNAS = 128
"""Antennas taken into use unasked, one by one; multiplexers reach 64."""


class AntennaChoice(msgspec.Struct, frozen=True):
    """One antenna in the reader's indexes; None: the reader's own default."""

    antenna: int
    power: int | None
    sensitivity: int | None
    hop_table: int
    channel: int


class Choices(msgspec.Struct, frozen=True):
    """All that ROSpec, AccessSpec and reader configuration are made from."""

    antennas: tuple[AntennaChoice, ...]
    mode: int | None
    search: int | None
    settings: Settings
    capabilities: Capabilities


def choose(
    settings: Settings,
    ports: Mapping[Antenna, PortSettings],
    capabilities: Capabilities,
    outputs: Collection[int] = (),
) -> Choices:
    """The reader's indexes for what is asked. Raises `Rejected` with every sentence it has to say."""
    problems: list[str] = []
    problems += _region(settings, capabilities)
    problems += _extensions(settings, capabilities)
    problems += _limits(settings, capabilities)
    problems += _outputs(outputs, capabilities)
    antennas = _antennas(settings, ports, capabilities, problems)
    mode = _mode(settings.mode, capabilities, problems)
    if problems:
        raise Rejected(f"{capabilities.title} cannot do what is asked: {'; '.join(problems)}")
    search = _SEARCH[settings.search_mode] if settings.search_mode else None
    return Choices(antennas, mode, search, settings, capabilities)


def _region(settings: Settings, capabilities: Capabilities) -> list[str]:
    if settings.region is None:
        return []
    standards, countries = _REGIONS[settings.region]
    silent = capabilities.standard == _Standard.Unspecified and capabilities.country == 0
    if silent or capabilities.standard in standards or capabilities.country in countries:
        return []
    names = {standard.value: standard.name for standard in _Standard}
    said = names.get(capabilities.standard, str(capabilities.standard))
    is_set = f"it is set to {said} (country {capabilities.country}), which only its own web page can change"
    return [f"region: {settings.region} is asked for, but {is_set}"]


def _extensions(settings: Settings, capabilities: Capabilities) -> list[str]:
    if capabilities.impinj:
        return []
    asked = {
        "phase": settings.phase and not capabilities.zebra_phase,
        "doppler": settings.doppler,
        "fine_rssi": settings.fine_rssi,
        "search_mode": settings.search_mode is not None,
    }
    return [
        f"{name}: this reader does not have it (Impinj readers do); take it out" for name, on in asked.items() if on
    ]


def _limits(settings: Settings, capabilities: Capabilities) -> list[str]:
    problems: list[str] = []
    if capabilities.max_filters and len(settings.filters) > capabilities.max_filters:
        problems.append(f"filters: {len(settings.filters)} are asked for, it has room for {capabilities.max_filters}")
    if settings.start != "immediate" and settings.start.gpi.port > capabilities.gpis:
        problems.append(f"start.gpi.port: {settings.start.gpi.port} is asked for, it has {capabilities.gpis} inputs")
    if settings.tid and not capabilities.impinj and not capabilities.max_access_specs:
        problems.append("tid: it cannot read a tag's memory during inventory; take it out")
    return problems


def _outputs(outputs: Collection[int], capabilities: Capabilities) -> list[str]:
    has = f"outputs 1 to {capabilities.gpos}" if capabilities.gpos else "no outputs"
    return [f"signals: gpo {port} is asked for, it has {has}" for port in sorted(outputs) if port > capabilities.gpos]


def _antennas(
    settings: Settings, ports: Mapping[Antenna, PortSettings], capabilities: Capabilities, problems: list[str]
) -> tuple[AntennaChoice, ...]:
    if not ports and capabilities.antennas > _ANTENNAS:
        problems.append(f"antennas: it claims to have {capabilities.antennas}; name those that are used")
        return ()
    wanted = dict(ports) or dict.fromkeys(range(1, capabilities.antennas + 1), PortSettings())
    chosen = []
    for antenna, port in wanted.items():
        where = f"antennas.{antenna}"
        if not isinstance(antenna, int) or not 1 <= antenna <= capabilities.antennas:
            problems.append(f"{where}: it has antennas 1 to {capabilities.antennas}")
            continue
        hop_table, channel = _frequency(settings, port, capabilities, where, problems)
        power = _level(capabilities.powers, port.power_dbm, f"{where}.power_dbm", "dBm", problems)
        if power is None and capabilities.powers:
            power = capabilities.powers[-1].index
        sensitivity = _level(capabilities.sensitivities, port.deafness_db, f"{where}.deafness_db", "dB", problems)
        chosen.append(AntennaChoice(antenna, power, sensitivity, hop_table, channel))
    return tuple(sorted(chosen, key=lambda choice: choice.antenna))


def _level(table: Sequence[Level], asked: float | None, where: str, unit: str, problems: list[str]) -> int | None:
    """The index of the nearest level not above; outside the table is a problem."""
    if asked is None:
        return None
    if not table:
        problems.append(f"{where}: it has no table of levels; take it out")
        return None
    if not table[0].value <= asked <= table[-1].value:
        problems.append(
            f"{where}: {asked:g} {unit} is asked for, it goes from {table[0].value:g} to {table[-1].value:g}"
        )
        return None
    return max((level for level in table if level.value <= asked), key=lambda level: level.value).index


def _frequency(
    settings: Settings, port: PortSettings, capabilities: Capabilities, where: str, problems: list[str]
) -> tuple[int, int]:
    """HopTableID and ChannelIndex: one of them is 0 (LLRP 1.0.1, RFTransmitter)."""
    channel = port.channel or settings.channel
    if capabilities.hopping:
        if channel:
            problems.append(f"{where}.channel: its region hops, no channel can be chosen; use hop_table or nothing")
        tables = capabilities.hop_tables
        if settings.hop_table and tables and settings.hop_table not in tables:
            problems.append(f"hop_table: {settings.hop_table} is asked for, it has {_list(tables)}")
        return settings.hop_table or (tables[0] if tables else 1), 0
    if settings.hop_table:
        problems.append("hop_table: its region has fixed channels; use channel or nothing")
    if channel and capabilities.channels and channel > len(capabilities.channels):
        problems.append(f"{where}.channel: {channel} is asked for, it has 1 to {len(capabilities.channels)}")
    return 0, channel or 1


def _mode(asked: int | str | None, capabilities: Capabilities, problems: list[str]) -> int | None:
    modes = capabilities.modes
    if asked is None:
        preferred = [mode for mode in _IMPINJ_PREFERENCE if capabilities.impinj and mode in modes]
        return next(iter([*preferred, *modes]), None)
    mode: Any = asked
    if isinstance(asked, str):
        mode = int(asked) if asked.isdecimal() else IMPINJ_MODES.get(asked) if capabilities.impinj else None
    if mode is None or (modes and mode not in modes):
        names = {number: name for name, number in IMPINJ_MODES.items()} if capabilities.impinj else {}
        offered = ", ".join(f"{number} ({names[number]})" if number in names else str(number) for number in modes)
        problems.append(f"mode: {asked!r} is asked for, it has {offered}")
        return None
    return int(mode)


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(str(number) for number in numbers)
