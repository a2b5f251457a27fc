"""Impinj's extensions of LLRP (private enterprise number 25882), as Octane LLRP names them.

How to read a line: `definitions.py`. The numbers are subtypes.
"""

VENDOR = 25882

MESSAGES = """
21 IMPINJ_ENABLE_EXTENSIONS  _:32  > Custom*
22 IMPINJ_ENABLE_EXTENSIONS_RESPONSE  > LLRPStatus Custom*
23 IMPINJ_SAVE_SETTINGS  SaveConfiguration:u1 _:7  > Custom*
24 IMPINJ_SAVE_SETTINGS_RESPONSE  > LLRPStatus Custom*
"""

PARAMETERS = """
# Capabilities and versions (GET_READER_CAPABILITIES, GET_READER_CONFIG and their responses)
21 ImpinjRequestedData  RequestedData:u32  > Custom*
29 ImpinjDetailedVersion  ModelName:utf8v SerialNumber:utf8v SoftwareVersion:utf8v FirmwareVersion:utf8v
    FPGAVersion:utf8v PCBAVersion:utf8v  > ImpinjHubVersions? ImpinjArrayVersion? ImpinjBLEVersion? Custom*
30 ImpinjFrequencyCapabilities  FrequencyList:u32v  > Custom*
1520 ImpinjArrayVersion  SerialNumber:utf8v FirmwareVersion:utf8v PCBAVersion:utf8v  > Custom*
1537 ImpinjHubVersions  > ImpinjArrayVersion* Custom*
1580 ImpinjBLEVersion  FirmwareVersion:utf8v  > Custom*

# Reader configuration
22 ImpinjSubRegulatoryRegion  RegulatoryRegion:u16  > Custom*
36 ImpinjGPIDebounceConfiguration  GPIPortNum:u16 GPIDebounceTimerMSec:u32  > Custom*
37 ImpinjReaderTemperature  Temperature:s16  > Custom*
38 ImpinjLinkMonitorConfiguration  LinkMonitorMode:u16 LinkDownThreshold:u16  > Custom*
39 ImpinjReportBufferConfiguration  ReportBufferMode:u16  > Custom*
40 ImpinjAccessSpecConfiguration
    > ImpinjBlockWriteWordCount? ImpinjOpSpecRetryCount? ImpinjAccessSpecOrdering? Custom*
41 ImpinjBlockWriteWordCount  WordCount:u16  > Custom*
63 ImpinjOpSpecRetryCount  RetryCount:u16  > Custom*
64 ImpinjAdvancedGPOConfiguration  GPOPortNum:u16 GPOMode:u16 GPOPulseDurationMSec:u32  > Custom*
66 ImpinjAccessSpecOrdering  OrderingMode:u16  > Custom*
1538 ImpinjHubConfiguration  HubID:u16 Connected:u16 Fault:u16  > Custom*

# Antennas
1524 ImpinjAntennaConfiguration  > ImpinjAntennaEventHysteresis? ImpinjAntennaEventConfiguration? Custom*
1526 ImpinjAntennaEventHysteresis  AntennaEventConnected:u64 AntennaEventDisconnected:u64  > Custom*
1576 ImpinjAntennaEventConfiguration  EnableAntennaAttemptNotification:u1 _:7  > Custom*
1577 ImpinjAntennaAttemptEvent  AntennaID:u16  > Custom*

# Inventory (children of C1G2InventoryCommand)
23 ImpinjInventorySearchMode  InventorySearchMode:u16  > Custom*
26 ImpinjFixedFrequencyList  FixedFrequencyMode:u16 _:16 ChannelList:u16v  > Custom*
27 ImpinjReducedPowerFrequencyList  ReducedPowerMode:u16 _:16 ChannelList:u16v  > Custom*
28 ImpinjLowDutyCycle  LowDutyCycleMode:u16 EmptyFieldTimeout:u16 FieldPingInterval:u16  > Custom*
69 ImpinjInventoryConfiguration  EnableAntDwellTimeLimit:u1 EnableSelectGapClose:u1 _:6  > Custom*
1554 ImpinjIntelligentAntennaManagement  ManagementEnabled:u1 _:7  > Custom*
1582 ImpinjRFPowerSweep  EnableRFPowerSweep:u1 _:7 MinimumPowerLevel:u16 PowerLevelStepSize:u16  > Custom*

# What a report is to hold (child of ROReportSpec)
50 ImpinjTagReportContentSelector  > ImpinjEnableSerializedTID? ImpinjEnableRFPhaseAngle? ImpinjEnablePeakRSSI?
    ImpinjEnableGPSCoordinates? ImpinjEnableOptimizedRead? ImpinjEnableRFDopplerFrequency? ImpinjEnableTxPower?
    Custom*
51 ImpinjEnableSerializedTID  SerializedTIDMode:u16  > Custom*
52 ImpinjEnableRFPhaseAngle  RFPhaseAngleMode:u16  > Custom*
53 ImpinjEnablePeakRSSI  PeakRSSIMode:u16  > Custom*
54 ImpinjEnableGPSCoordinates  GPSCoordinatesMode:u16  > Custom*
65 ImpinjEnableOptimizedRead  OptimizedReadMode:u16  > C1G2Read* Custom*
67 ImpinjEnableRFDopplerFrequency  RFDopplerFrequencyMode:u16  > Custom*
72 ImpinjEnableTxPower  TxPowerMode:u16  > Custom*

# What a report holds (children of TagReportData): phase in 1/4096 turn, RSSI in 1/100 dBm, Doppler in 1/16 Hz
55 ImpinjSerializedTID  TID:u16v  > Custom*
56 ImpinjRFPhaseAngle  PhaseAngle:u16  > Custom*
57 ImpinjPeakRSSI  RSSI:s16  > Custom*
58 ImpinjGPSCoordinates  Latitude:s32 Longitude:s32  > Custom*
68 ImpinjRFDopplerFrequency  DopplerFrequency:s16  > Custom*
73 ImpinjTxPower  TxPower:u16  > Custom*
1566 ImpinjTIDParity  ParityError:u1 _:15  > Custom*
"""
