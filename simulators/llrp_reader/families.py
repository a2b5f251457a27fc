"""The families of readers: what each says it is and can do (GET_READER_CAPABILITIES, section 10.1)."""

from __future__ import annotations

from random import Random

import msgspec

from drivers.llrp.codec.enums import CommunicationsStandard
from drivers.llrp.codec.values import Element
from simulators.llrp_reader.elements import element
from simulators.llrp_reader.options import GPOS, Family, ReaderOptions

Mode = tuple[int, int, int, int, int, int, int, int, int]
"""ModeIdentifier, DRValue, MValue, ForwardLinkModulation, SpectralMaskIndicator, BDRValue, PIEValue, Tari min, max."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same for every reader of a family. Powers and sensitivities in 1/100 dBm, frequencies in kHz."""

    manufacturer: int
    model: int
    firmware: str
    powers: tuple[int, ...]
    sensitivities: tuple[int, ...]
    frequencies: tuple[int, ...]
    hopping: bool
    modes: tuple[Mode, ...]
    country: int
    standard: int
    rospecs: int
    accessspecs: int
    filters: int
    priorities: int = 8
    holding: bool
    strict: bool
    """True: a channel, hop table or mode it has not is refused; False: it is taken, and nothing is ever read."""
    versions: int = 1
    """The highest LLRP version: 1 is 1.0.1, 2 is 1.1 (the one that negotiates)."""
    extensions: bool = False
    """Impinj's: switched on by IMPINJ_ENABLE_EXTENSIONS."""
    moto: bool = False


def _shuffled(frequencies: range) -> tuple[int, ...]:
    order = list(frequencies)
    Random(50).shuffle(order)  # noqa: S311 - a hop table looks random and is the same in every reader of the family
    return tuple(order)


FCC = _shuffled(range(902750, 927251, 500))
ETSI = (865700, 866300, 866900, 867500)

_IMPINJ_MODES: tuple[Mode, ...] = (
    (0, 1, 0, 2, 2, 640000, 1500, 6250, 6250),
    (1, 1, 1, 2, 2, 640000, 1500, 6250, 6250),
    (2, 1, 2, 0, 3, 274000, 2000, 20000, 20000),
    (3, 1, 3, 0, 3, 170600, 2000, 20000, 20000),
    (4, 1, 2, 0, 2, 640000, 1500, 7140, 7140),
    *((mode, 0, 0, 0, 0, 40000, 1500, 6250, 6250) for mode in (1000, 1002, 1003, 1004, 1005)),
)
_ZEBRA_MODES: tuple[Mode, ...] = (
    *((1 + i, 1, m, 0, 3, 64000, 1500, tari, tari) for i, (m, tari) in enumerate(((0, 25000), (1, 25000), (2, 25000)))),
    (4, 1, 2, 0, 3, 120000, 2000, 25000, 25000),
    (5, 1, 2, 0, 3, 128000, 1500, 12500, 23000),
    (6, 1, 3, 0, 3, 256000, 2000, 12500, 18800),
)
_PLAIN_MODES: tuple[Mode, ...] = (
    (0, 0, 2, 0, 3, 250000, 2000, 25000, 25000),
    (1, 0, 0, 1, 2, 40000, 1500, 12500, 25000),
)

_SPEEDWAY = Kind(
    manufacturer=25882,
    model=2001002,
    firmware="5.14.0.240",
    powers=tuple(range(1000, 3251, 25)),
    sensitivities=(0, *range(10, 51)),
    frequencies=FCC,
    hopping=True,
    modes=_IMPINJ_MODES,
    country=840,
    standard=CommunicationsStandard.US_FCC_Part_15,
    rospecs=1,
    accessspecs=1508,
    filters=2,
    priorities=1,
    holding=True,
    strict=True,
    extensions=True,
)

KINDS: dict[Family, Kind] = {
    "impinj-speedway": _SPEEDWAY,
    "impinj-r700": msgspec.structs.replace(
        _SPEEDWAY, model=2001007, firmware="8.0.0.240", powers=tuple(range(1000, 3301, 25)), rospecs=32
    ),
    "zebra-fx": Kind(
        manufacturer=161,
        model=96004,
        firmware="3.24.45.0",
        powers=tuple(range(1000, 3301, 10)),
        sensitivities=(0,),
        frequencies=FCC,
        hopping=True,
        modes=_ZEBRA_MODES,
        country=840,
        standard=CommunicationsStandard.US_FCC_Part_15,
        rospecs=100,
        accessspecs=256,
        filters=32,
        holding=True,
        strict=False,
        versions=2,
        moto=True,
    ),
    "plain": Kind(
        manufacturer=32473,
        model=1,
        firmware="1.0.1",
        powers=(1500, 2000, 2500, 2700, 3000),
        sensitivities=(0,),
        frequencies=ETSI,
        hopping=False,
        modes=_PLAIN_MODES,
        country=276,
        standard=CommunicationsStandard.ETSI_302_208,
        rospecs=4,
        accessspecs=16,
        filters=1,
        holding=False,
        strict=True,
    ),
}


def general(kind: Kind, options: ReaderOptions) -> Element:
    """GeneralDeviceCapabilities (section 10.2.1)."""
    antennas = range(1, options.antennas + 1)
    return element(
        "GeneralDeviceCapabilities",
        *(
            element("ReceiveSensitivityTableEntry", Index=index, ReceiveSensitivityValue=value)
            for index, value in enumerate(kind.sensitivities, 1)
        ),
        element("GPIOCapabilities", NumGPIs=options.gpis, NumGPOs=GPOS),
        *(element("PerAntennaAirProtocol", AntennaID=antenna, ProtocolID=b"\x01") for antenna in antennas),
        MaxNumberOfAntennaSupported=options.antennas,
        CanSetAntennaProperties=False,
        HasUTCClockCapability=options.utc,
        DeviceManufacturerName=kind.manufacturer,
        ModelName=kind.model,
        ReaderFirmwareVersion=kind.firmware,
    )


def llrp(kind: Kind, *, holding: bool) -> Element:
    """LLRPCapabilities (section 10.2.2)."""
    return element(
        "LLRPCapabilities",
        CanDoRFSurvey=False,
        CanReportBufferFillWarning=True,
        SupportsClientRequestOpSpec=False,
        CanDoTagInventoryStateAwareSingulation=False,
        SupportsEventAndReportHolding=holding,
        MaxNumPriorityLevelsSupported=kind.priorities,
        ClientRequestOpSpecTimeout=0,
        MaxNumROSpecs=kind.rospecs,
        MaxNumSpecsPerROSpec=32,
        MaxNumInventoryParameterSpecsPerAISpec=1,
        MaxNumAccessSpecs=kind.accessspecs,
        MaxNumOpSpecsPerAccessSpec=8,
    )


def regulatory(kind: Kind) -> Element:
    """RegulatoryCapabilities (section 10.2.4) with power table, frequencies and modes."""
    if kind.hopping:
        table = element("FrequencyHopTable", HopTableID=1, Frequency=kind.frequencies)
    else:
        table = element("FixedFrequencyTable", Frequency=kind.frequencies)
    band = element(
        "UHFBandCapabilities",
        *(
            element("TransmitPowerLevelTableEntry", Index=index, TransmitPowerValue=value)
            for index, value in enumerate(kind.powers, 1)
        ),
        element("FrequencyInformation", table, Hopping=kind.hopping),
        element("C1G2UHFRFModeTable", *(_mode(mode) for mode in kind.modes)),
    )
    return element("RegulatoryCapabilities", band, CountryCode=kind.country, CommunicationsStandard=int(kind.standard))


def air_protocol(kind: Kind) -> Element:
    """C1G2LLRPCapabilities (section 15.2.1.1.1)."""
    return element(
        "C1G2LLRPCapabilities",
        CanSupportBlockErase=False,
        CanSupportBlockWrite=False,
        MaxNumSelectFiltersPerQuery=kind.filters,
    )


def vendor(kind: Kind, *, extended: bool) -> tuple[Element, ...]:
    """What a family adds: Impinj's once its extensions are enabled, Motorola's always."""
    if kind.moto:
        flags = ("GetGeneralParams", "ReportPartNumber", "ReportRadioVersion", "SupportRadioPowerState")
        more = ("SupportRadioTransmitDelay", "SupportZebraTrigger")
        return (
            element("MotoGeneralCapabilities", Version=1, **{f"Can{flag}": flag in flags for flag in flags + more}),
        )
    if kind.extensions and extended:
        model = "Speedway R420" if kind is _SPEEDWAY else "Impinj R700"
        versions = {"SoftwareVersion": kind.firmware, "FirmwareVersion": kind.firmware, "FPGAVersion": "1"}
        return (
            element(
                "ImpinjDetailedVersion", ModelName=model, SerialNumber="370-00-00-0001", PCBAVersion="1", **versions
            ),
            element("ImpinjFrequencyCapabilities", FrequencyList=tuple(sorted(kind.frequencies))),
        )
    return ()


def _mode(mode: Mode) -> Element:
    number, ratio, miller, forward, mask, rate, pie, shortest, longest = mode
    return element(
        "C1G2UHFRFModeTableEntry",
        ModeIdentifier=number,
        DRValue=bool(ratio),
        EPCHAGTCConformance=False,
        MValue=miller,
        ForwardLinkModulation=forward,
        SpectralMaskIndicator=mask,
        BDRValue=rate,
        PIEValue=pie,
        MinTariValue=shortest,
        MaxTariValue=longest,
        StepTariValue=0,
    )
