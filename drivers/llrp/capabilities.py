"""What a reader says it can do (GET_READER_CAPABILITIES_RESPONSE, LLRP 1.0.1, section 9.2) as one frozen value."""

from __future__ import annotations

import msgspec

from drivers.llrp.codec.values import Element, Message
from drivers.llrp.words import said

IMPINJ = 25882
ZEBRA = 161
"""IANA private enterprise numbers; Zebra's readers carry Motorola's."""

_GPIS = 64
"""Inputs believed: readers have four or so, and each is configured one by one."""

_VENDORS = {IMPINJ: "Impinj", ZEBRA: "Zebra", 10642: "Zebra"}


class Level(msgspec.Struct, frozen=True):
    """An entry of the reader's power table (dBm) or sensitivity table (dB below its best)."""

    index: int
    value: float


class Capabilities(msgspec.Struct, frozen=True):
    """A reader's abilities. Tables it left out are empty; frequencies in kHz."""

    manufacturer: int
    model: int
    firmware: str
    antennas: int
    gpis: int
    holding: bool
    buffer_warning: bool
    max_access_specs: int
    max_filters: int
    country: int
    standard: int
    powers: tuple[Level, ...] = ()
    sensitivities: tuple[Level, ...] = ()
    hopping: bool = False
    hop_tables: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()
    modes: tuple[int, ...] = ()
    zebra_phase: bool = False
    gpos: int = 0

    @property
    def impinj(self) -> bool:
        """Whether it knows Impinj's extensions."""
        return self.manufacturer == IMPINJ

    @property
    def title(self) -> str:
        """How to call it before a person."""
        vendor = _VENDORS.get(self.manufacturer, f"vendor {self.manufacturer}")
        return f"{vendor} reader, model {self.model}, firmware {self.firmware or 'unknown'}"


_NONE = Element("none")


def parse(message: Message) -> Capabilities:
    """Reads the response; what the reader left out counts as not there."""
    device = message.child("GeneralDeviceCapabilities") or _NONE
    llrp = message.child("LLRPCapabilities") or _NONE
    regulatory = message.child("RegulatoryCapabilities") or _NONE
    band = regulatory.child("UHFBandCapabilities") or _NONE
    frequency = band.child("FrequencyInformation") or _NONE
    gen2 = message.child("C1G2LLRPCapabilities") or _NONE
    ports = device.child("GPIOCapabilities") or _NONE
    return Capabilities(
        manufacturer=device.get("DeviceManufacturerName", 0),
        model=device.get("ModelName", 0),
        firmware=said(str(device.get("ReaderFirmwareVersion", ""))),
        antennas=device.get("MaxNumberOfAntennaSupported", 0),
        gpis=min(_GPIS, ports.get("NumGPIs", 0)),
        holding=bool(llrp.get("SupportsEventAndReportHolding", False)),
        buffer_warning=bool(llrp.get("CanReportBufferFillWarning", False)),
        max_access_specs=llrp.get("MaxNumAccessSpecs", 0),
        max_filters=gen2.get("MaxNumSelectFiltersPerQuery", 0),
        country=regulatory.get("CountryCode", 0),
        standard=regulatory.get("CommunicationsStandard", 0),
        powers=_levels(band, "TransmitPowerLevelTableEntry", "TransmitPowerValue", 0.01),
        sensitivities=_levels(device, "ReceiveSensitivityTableEntry", "ReceiveSensitivityValue", 1.0),
        hopping=bool(frequency.get("Hopping", False)),
        hop_tables=tuple(table["HopTableID"] for table in frequency.all("FrequencyHopTable")),
        channels=tuple((frequency.child("FixedFrequencyTable") or _NONE).get("Frequency", ())),
        modes=_modes(band),
        zebra_phase=bool((message.child("MotoAdvancedCapabilities") or _NONE).get("CanReportPhase", False)),
        gpos=ports.get("NumGPOs", 0),
    )


def _levels(parent: Element, name: str, field: str, unit: float) -> tuple[Level, ...]:
    levels = (Level(entry["Index"], round(entry[field] * unit, 2)) for entry in parent.all(name))
    return tuple(sorted(levels, key=lambda level: level.value))


def _modes(band: Element) -> tuple[int, ...]:
    """Mode identifiers: 32 bits in this table, but C1G2RFControl asks with 16: those beyond cannot be asked for."""
    tables = band.all("C1G2UHFRFModeTable")
    entries = (entry["ModeIdentifier"] for table in tables for entry in table.all("C1G2UHFRFModeTableEntry"))
    return tuple(mode for mode in entries if mode <= 0xFFFF)
