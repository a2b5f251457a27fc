"""The standards' own words that a site may use."""

from __future__ import annotations

_BIZ_STEPS = """
accepting arriving assembling collecting commissioning consigning creating_class_instance cycle_counting decommissioning
departing destroying disassembling dispensing encoding entering_exiting holding inspecting installing killing loading
other packing picking receiving removing repackaging repairing replacing reserving retail_selling sampling
sensor_reporting shipping staging_outbound stock_taking stocking storing transporting unloading unpacking void_shipping
"""
_DISPOSITIONS = """
active available completeness_inferred completeness_verified conformant container_closed container_open damaged
destroyed dispensed disposed encoded expired in_progress in_transit inactive mismatch_class mismatch_instance
mismatch_quantity needs_replacement no_pedigree_match non_conformant non_sellable_other partially_dispensed recalled
reserved retail_sold returned sellable_accessible sellable_not_accessible stolen unavailable unknown
"""
_SCHEMES = """
sgtin sscc sgln grai giai gsrn gsrnp gdti cpi sgcn ginc gsin gmn itip upui pgln gtin lgtin usdod adi bic imovn gid
raw afi ibeacon eddystone ble code
"""

BIZ_STEPS = frozenset(_BIZ_STEPS.split())
"""CBV 2.0, section 7.1.3."""
DISPOSITIONS = frozenset(_DISPOSITIONS.split())
"""CBV 2.0, section 7.2.3."""
SCHEMES = frozenset(_SCHEMES.split())
"""EPC schemes of TDS 2.3 (section 6.3) and GTIN classes, in lower case, and our own for what is not GS1's."""
