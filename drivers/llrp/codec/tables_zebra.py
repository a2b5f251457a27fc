"""Zebra's (formerly Motorola's) extensions of LLRP (private enterprise number 161).

How to read a line: `definitions.py`. The numbers are subtypes. Where Zebra's interface control guide (72E-131718) and
its readers differ, this follows the readers: the guide pads flags to 32 bits, an FX9600 sends one byte.
"""

VENDOR = 161

MESSAGES = """
2 MOTO_GET_TAG_EVENT_REPORT
3 MOTO_PURGE_TAGS  PurgeTagEventStateOnly:u1 _:7 Data:bytesToEnd
4 MOTO_PURGE_TAGS_RESPONSE  > LLRPStatus
5 MOTO_TAG_EVENT_NOTIFY
"""

PARAMETERS = """
# Capabilities (GET_READER_CAPABILITIES_RESPONSE): a version and one byte of flags
50 MotoGeneralRequestCapabilities  RequestedData:u8
1 MotoGeneralCapabilities  Version:u32 CanGetGeneralParams:u1 CanReportPartNumber:u1 CanReportRadioVersion:u1
    CanSupportRadioPowerState:u1 CanSupportRadioTransmitDelay:u1 CanSupportZebraTrigger:u1 _:2
100 MotoAutonomousCapabilities  Version:u32 CanSupportAutonomousMode:u1 _:7
110 MotoAdvancedCapabilities  Version:u32 CanReportPhase:u1 CanSupportZone:u1 CanSupportAntennaRFConfig:u1
    CanSupportPeriodicTagReports:u1 CanSupportSledBatteryStatus:u1 CanSupportLogicalAntenna:u1 CanReportGPS:u1
    _:1
120 MotoTagEventsGenerationCapabilities  Version:u32 CanSelectTagEvents:u1 CanSelectTagReportingFormat:u1
    CanSelectMovingEvent:u1 _:5
200 MotoFilterCapabilities  Version:u32 CanFilterTagsBasedOnRSSI:u1 CanFilterTagsBasedOnTimeOfDay:u1
    CanFilterTagsBasedOnUTCTimeStamp:u1 DeviceSetCapabilityBit4:u1 _:4
300 MotoPersistenceCapabilities  Version:u32 CanSaveConfiguration:u1 CanSaveTags:u1 CanSaveEvents:u1 _:5
400 MotoC1G2LLRPCapabilities  Version:u32 CanSupportBlockPermalock:u1 CanSupportRecommissioning:u1
    CanWriteUMI:u1 CanSupportNXPCuxtomCommands:u1 CanSupportFujitsuCuxtomCommands:u1 CanSupportG2V2Commands:u1
    DeviceSetCapabilityBit1:u1 _:1

# Reader configuration
51 MotoGeneralGetParams  RequestedData:u8
101 MotoAutonomousState  AutonomousModeState:u1 _:7
102 MotoDefaultSpec  UseDefaultSpecForAutoMode:u1 _:7  > ROSpec AccessSpec*
256 MotoVersion  ModuleName:utf8v ModuleVersion:utf8v
350 MotoPersistenceSaveParams  SaveConfiguration:u1 SaveTagData:u1 SaveTagEventData:u1 _:5
466 MotoCustomCommandOptions  EnableNXPSetAndResetQuietCommands:u1 _:31
500 MotoRadioPowerState  RadioPowerState:u1 _:7
504 MotoVersionList  > MotoVersion*
511 MotoRadioTransmitDelay  RadioTransmitDelay:u8 _:8

# Filters
250 MotoUTCTimestamp  Microseconds:u64
251 MotoFilterTimeOfDay  Microseconds:u64
252 MotoFilterTimeRange  TimeFormat:u8 Match:u8  > MotoFilterTimeOfDay/MotoUTCTimestamp+
253 MotoFilterRSSIRange  Match:u8 _:8  > PeakRSSI+
254 MotoFilterRule  RuleType:u8 Data:bytesToEnd
255 MotoFilterList  UseFilter:u1 _:31  > MotoFilterRule*
258 MotoFilterTagList  Match:u8 _:24  > EPCData+

# What a report is to hold (children of ROReportSpec)
121 MotoTagEventSelector  ReportNewTagEvent:u8 NewTagEventModeratedTimeout:u16 ReportTagInvisibleEvent:u8
    TagInvisibleEventModeratedTimeout:u16 ReportTagVisibilityChangeEvent:u8
    TagVisibilityChangeEventModeratedTimeout:u16
122 MotoTagReportMode  ReportFormat:u8
125 MotoROReportTrigger  MotoReportTrigger:u8 _:24
126 MovingStationaryTagReport  ReportMovingTag:u1 _:7 StrayTagModeratedTimeout:u16 _:8
708 MotoTagReportContentSelector  EnableZoneID:u1 EnableZoneName:u1 EnableAntennaPhysicalPortConfig:u1
    EnablePhase:u1 EnableGPS:u1 EnableMLTReport:u1 _:26

# What a report holds (children of TagReportData): phase in 1/65536 turn, signed
123 MotoTagEventList  > MotoTagEventEntry*
124 MotoTagEventEntry  EventType:u8 Microseconds:u64
450 MotoC1G2ExtendedPC  XPC1:u16 XPC2:u16
709 MotoTagPhase  Phase:s16
712 BrandIDCheckStatus  BrandID:u8
1000 MotoTagGPS  longitude:u32 latitude:u32 altitude:u32

# Inventory (children of C1G2InventoryCommand and InventoryParameterSpec)
703 MotoAntennaConfig  > MotoAntennaStopCondition? MotoAntennaPhysicalPortConfig? MotoAntennaQueryConfig?
704 MotoAntennaStopCondition  AntennaStopTrigger:u8 AntennaStopConditionValue:u16
705 MotoAntennaPhysicalPortConfig  PhysicalTransmitPort:u16 PhysicalReceivePort:u16
710 MotoAntennaQueryConfig  EnableSLAll:u1 EnableABFlip:u1 _:14
711 NXPBrandIDCheckConfig  BrandID:u8 _:24
463 MotoNXPEASAlarmSpec  AntennaIDs:u16v

# Events (children of ReaderEventNotificationData)
464 MotoNXPEASAlarmNotification  EASAlarmCode:u64  > AntennaID?
465 MotoConnectionFailureReason  ErrorCode:u8 ErrorDescription:utf8v

# Access operations and their results
451 MotoC1G2Recommission  OpSpecID:u16 KillPassword:u32 Operation:u8 _:8
452 MotoC1G2RecommissionOpSpecResult  Result:u8 OpSpecID:u16 _:8
453 MotoC1G2BlockPermalock  OpSpecID:u16 AccessPassword:u32 MB:u2 ReadLock:u1 _:5 BlockPointer:u16
    ReadBlockRange:u16 Mask:u16v
454 MotoC1G2BlockPermalockOpSpecResult  Result:u8 OpSpecID:u16 Status:u16v
455 MotoNXPChangeEAS  OpSpecID:u16 AccessPassword:u32 EASState:u1 _:31
456 MotoNXPChangeEASOpSpecResult  Result:u8 OpSpecID:u16 _:8
457 MotoNXPSetQuiet  OpSpecID:u16 AccessPassword:u32
458 MotoNXPSetQuietOpSpecResult  Result:u8 OpSpecID:u16 _:8
459 MotoNXPResetQuiet  OpSpecID:u16 AccessPassword:u32
460 MotoNXPResetQuietOpSpecResult  Result:u8 OpSpecID:u16 _:8
461 MotoNXPCalibrate  OpSpecID:u16 AccessPassword:u32
462 MotoNXPCalibrateOpSpecResult  Result:u8 OpSpecID:u16 ReadData:u16v
485 MotoNXPChangeConfig  OpSpecID:u16 AccessPassword:u32 NXPChangeConfigWord:u16
486 MotoNXPChangeConfigOpSpecResult  Result:u8 OpSpecID:u16 NXPChangeConfigWord:u16
487 MotoImpinjQT  OpSpecID:u16 AccessPassword:u32 QT_Write:u1 QT_Persist:u1 _:6  > QTData?
488 QTData  QT_Control:u16
489 MotoImpinjQTOpSpecResult  Result:u8 OpSpecID:u16 QT_Write:u1 _:7  > QTData?
490 MotoC1G2Authenticate  OpSpecID:u16 AccessPassword:u32 SenResp:u1 IncRespLen:u1 _:6 CSI:u8 Message:u1v
491 MotoC1G2AuthenticateOpSpecResult  Result:u8 OpSpecID:u16 DataBits:u1v
492 MotoC1G2ReadBuffer  OpSpecID:u16 AccessPassword:u32 WordPtr:u16 BitCount:u16
493 MotoC1G2ReadBufferOpSpecResult  Result:u8 OpSpecID:u16 DataBits:u1v
494 MotoC1G2Untraceable  Data:bytesToEnd
495 MotoC1G2UntraceableOpSpecResult  Result:u8 OpSpecID:u16 DataBits:u1v
496 MotoC1G2Crypto  Data:bytesToEnd
497 MotoC1G2CryptoOpSpecResult  Result:u8 OpSpecID:u16 DataBits:u1v

# Triggers
801 ZebraROTriggerSpec  > ZebraROSpecStartTrigger? ZebraROSpecStopTrigger?
802 ZebraROSpecStartTrigger  > ZebraTimelapseStart? ZebraDistance?
803 ZebraTimelapseStart  TimeOfDay:utf8v Period:u32
804 ZebraDistance  Value:u32
805 ZebraROSpecStopTrigger  > ZebraTimelapseStop?
806 ZebraTimelapseStop  TotalDuration:u32 PeriodicDuration:u32
"""
