"""Parameters of LLRP 1.0.1, by the sections of its chapter 16. How to read a line: `definitions.py`."""

PARAMETERS = """
# 16.2.2 General parameters
128 UTCTimestamp  Microseconds:u64
129 Uptime  Microseconds:u64

# 16.2.3 Reader device capabilities
137 GeneralDeviceCapabilities  MaxNumberOfAntennaSupported:u16 CanSetAntennaProperties:u1
    HasUTCClockCapability:u1 _:14 DeviceManufacturerName:u32 ModelName:u32 ReaderFirmwareVersion:utf8v
    > ReceiveSensitivityTableEntry+ PerAntennaReceiveSensitivityRange* GPIOCapabilities PerAntennaAirProtocol+
139 ReceiveSensitivityTableEntry  Index:u16 ReceiveSensitivityValue:s16
149 PerAntennaReceiveSensitivityRange  AntennaID:u16 ReceiveSensitivityIndexMin:u16
    ReceiveSensitivityIndexMax:u16
140 PerAntennaAirProtocol  AntennaID:u16 ProtocolID:u8v
141 GPIOCapabilities  NumGPIs:u16 NumGPOs:u16
142 LLRPCapabilities  CanDoRFSurvey:u1 CanReportBufferFillWarning:u1 SupportsClientRequestOpSpec:u1
    CanDoTagInventoryStateAwareSingulation:u1 SupportsEventAndReportHolding:u1 _:3
    MaxNumPriorityLevelsSupported:u8 ClientRequestOpSpecTimeout:u16 MaxNumROSpecs:u32 MaxNumSpecsPerROSpec:u32
    MaxNumInventoryParameterSpecsPerAISpec:u32 MaxNumAccessSpecs:u32 MaxNumOpSpecsPerAccessSpec:u32
143 RegulatoryCapabilities  CountryCode:u16 CommunicationsStandard:u16  > UHFBandCapabilities? Custom*
144 UHFBandCapabilities  > TransmitPowerLevelTableEntry+ FrequencyInformation C1G2UHFRFModeTable+
145 TransmitPowerLevelTableEntry  Index:u16 TransmitPowerValue:s16
146 FrequencyInformation  Hopping:u1 _:7  > FrequencyHopTable* FixedFrequencyTable?
147 FrequencyHopTable  HopTableID:u8 _:8 Frequency:u32v
148 FixedFrequencyTable  Frequency:u32v

# 16.2.4 Reader operation
177 ROSpec  ROSpecID:u32 Priority:u8 CurrentState:u8  > ROBoundarySpec AISpec/RFSurveySpec/Custom+ ROReportSpec?
178 ROBoundarySpec  > ROSpecStartTrigger ROSpecStopTrigger
179 ROSpecStartTrigger  ROSpecStartTriggerType:u8  > PeriodicTriggerValue? GPITriggerValue?
180 PeriodicTriggerValue  Offset:u32 Period:u32  > UTCTimestamp?
181 GPITriggerValue  GPIPortNum:u16 GPIEvent:u1 _:7 Timeout:u32
182 ROSpecStopTrigger  ROSpecStopTriggerType:u8 DurationTriggerValue:u32  > GPITriggerValue?
183 AISpec  AntennaIDs:u16v  > AISpecStopTrigger InventoryParameterSpec+ Custom*
184 AISpecStopTrigger  AISpecStopTriggerType:u8 DurationTrigger:u32  > GPITriggerValue? TagObservationTrigger?
185 TagObservationTrigger  TriggerType:u8 _:8 NumberOfTags:u16 NumberOfAttempts:u16 T:u16 Timeout:u32
186 InventoryParameterSpec  InventoryParameterSpecID:u16 ProtocolID:u8  > AntennaConfiguration* Custom*
187 RFSurveySpec  AntennaID:u16 StartFrequency:u32 EndFrequency:u32  > RFSurveySpecStopTrigger Custom*
188 RFSurveySpecStopTrigger  StopTriggerType:u8 DurationPeriod:u32 N:u32

# 16.2.5 Access operation
207 AccessSpec  AccessSpecID:u32 AntennaID:u16 ProtocolID:u8 CurrentState:u1 _:7 ROSpecID:u32
    > AccessSpecStopTrigger AccessCommand AccessReportSpec? Custom*
208 AccessSpecStopTrigger  AccessSpecStopTrigger:u8 OperationCountValue:u16
209 AccessCommand
    > C1G2TagSpec C1G2Read/C1G2Write/C1G2Kill/C1G2Lock/C1G2BlockErase/C1G2BlockWrite/ClientRequestOpSpec/Custom+
210 ClientRequestOpSpec  OpSpecID:u16
211 ClientRequestResponse  AccessSpecID:u32
    > EPCData C1G2Read/C1G2Write/C1G2Kill/C1G2Lock/C1G2BlockErase/C1G2BlockWrite/Custom*

# 16.2.6 Reader device configuration
217 LLRPConfigurationStateValue  LLRPConfigurationStateValue:u32
218 Identification  IDType:u8 ReaderID:u8v
219 GPOWriteData  GPOPortNumber:u16 GPOData:u1 _:7
220 KeepaliveSpec  KeepaliveTriggerType:u8 PeriodicTriggerValue:u32
221 AntennaProperties  AntennaConnected:u1 _:7 AntennaID:u16 AntennaGain:s16
222 AntennaConfiguration  AntennaID:u16  > RFReceiver? RFTransmitter? C1G2InventoryCommand*
223 RFReceiver  ReceiverSensitivity:u16
224 RFTransmitter  HopTableID:u16 ChannelIndex:u16 TransmitPower:u16
225 GPIPortCurrentState  GPIPortNum:u16 Config:u1 _:7 State:u8
226 EventsAndReports  HoldEventsAndReportsUponReconnect:u1 _:7

# 16.2.7 Reporting and events
237 ROReportSpec  ROReportTrigger:u8 N:u16  > TagReportContentSelector Custom*
238 TagReportContentSelector  EnableROSpecID:u1 EnableSpecIndex:u1 EnableInventoryParameterSpecID:u1
    EnableAntennaID:u1 EnableChannelIndex:u1 EnablePeakRSSI:u1 EnableFirstSeenTimestamp:u1
    EnableLastSeenTimestamp:u1 EnableTagSeenCount:u1 EnableAccessSpecID:u1 _:6  > C1G2EPCMemorySelector*
239 AccessReportSpec  AccessReportTrigger:u8
240 TagReportData  > EPCData/EPC_96 ROSpecID? SpecIndex? InventoryParameterSpecID? AntennaID? PeakRSSI?
    ChannelIndex? FirstSeenTimestampUTC? FirstSeenTimestampUptime? LastSeenTimestampUTC?
    LastSeenTimestampUptime? TagSeenCount? C1G2_PC/C1G2_CRC* AccessSpecID?
    C1G2ReadOpSpecResult/C1G2WriteOpSpecResult/C1G2KillOpSpecResult/C1G2LockOpSpecResult/
    C1G2BlockEraseOpSpecResult/C1G2BlockWriteOpSpecResult/ClientRequestOpSpecResult/Custom*
    Custom*
15 ClientRequestOpSpecResult  OpSpecID:u16
241 EPCData  EPC:u1v
13 EPC_96  EPC:u96
9 ROSpecID  ROSpecID:u32
14 SpecIndex  SpecIndex:u16
10 InventoryParameterSpecID  InventoryParameterSpecID:u16
1 AntennaID  AntennaID:u16
6 PeakRSSI  PeakRSSI:s8
7 ChannelIndex  ChannelIndex:u16
2 FirstSeenTimestampUTC  Microseconds:u64
3 FirstSeenTimestampUptime  Microseconds:u64
4 LastSeenTimestampUTC  Microseconds:u64
5 LastSeenTimestampUptime  Microseconds:u64
8 TagSeenCount  TagCount:u16
16 AccessSpecID  AccessSpecID:u32
242 RFSurveyReportData  > ROSpecID? SpecIndex? FrequencyRSSILevelEntry+ Custom*
243 FrequencyRSSILevelEntry  Frequency:u32 Bandwidth:u32 AverageRSSI:s8 PeakRSSI:s8  > UTCTimestamp/Uptime
244 ReaderEventNotificationSpec  > EventNotificationState+
245 EventNotificationState  EventType:u16 NotificationState:u1 _:7
246 ReaderEventNotificationData  > UTCTimestamp/Uptime HoppingEvent? GPIEvent? ROSpecEvent?
    ReportBufferLevelWarningEvent? ReportBufferOverflowErrorEvent? ReaderExceptionEvent? RFSurveyEvent?
    AISpecEvent? AntennaEvent? ConnectionAttemptEvent? ConnectionCloseEvent? Custom*
247 HoppingEvent  HopTableID:u16 NextChannelIndex:u16
248 GPIEvent  GPIPortNumber:u16 GPIEvent:u1 _:7
249 ROSpecEvent  EventType:u8 ROSpecID:u32 PreemptingROSpecID:u32
250 ReportBufferLevelWarningEvent  ReportBufferPercentageFull:u8
251 ReportBufferOverflowErrorEvent
252 ReaderExceptionEvent  Message:utf8v  > ROSpecID? SpecIndex? InventoryParameterSpecID? AntennaID?
    AccessSpecID? OpSpecID? Custom*
17 OpSpecID  OpSpecID:u16
253 RFSurveyEvent  EventType:u8 ROSpecID:u32 SpecIndex:u16
254 AISpecEvent  EventType:u8 ROSpecID:u32 SpecIndex:u16  > C1G2SingulationDetails?
255 AntennaEvent  EventType:u8 AntennaID:u16
256 ConnectionAttemptEvent  Status:u16
257 ConnectionCloseEvent

# 16.2.8 Errors
287 LLRPStatus  StatusCode:u16 ErrorDescription:utf8v  > FieldError? ParameterError?
288 FieldError  FieldNum:u16 ErrorCode:u16
289 ParameterError  ParameterType:u16 ErrorCode:u16  > FieldError? ParameterError?

# 16.2.9 Custom
1023 Custom  VendorIdentifier:u32 ParameterSubtype:u32 Data:bytesToEnd

# 16.3.1.1 Class 1 Generation 2: capabilities
327 C1G2LLRPCapabilities  CanSupportBlockErase:u1 CanSupportBlockWrite:u1 _:6 MaxNumSelectFiltersPerQuery:u16
328 C1G2UHFRFModeTable  > C1G2UHFRFModeTableEntry+
329 C1G2UHFRFModeTableEntry  ModeIdentifier:u32 DRValue:u1 EPCHAGTCConformance:u1 _:6 MValue:u8
    ForwardLinkModulation:u8 SpectralMaskIndicator:u8 BDRValue:u32 PIEValue:u32 MinTariValue:u32
    MaxTariValue:u32 StepTariValue:u32

# 16.3.1.2 C1G2: reader operation
330 C1G2InventoryCommand  TagInventoryStateAware:u1 _:7  > C1G2Filter* C1G2RFControl? C1G2SingulationControl?
    Custom*
331 C1G2Filter  T:u2 _:6  > C1G2TagInventoryMask C1G2TagInventoryStateAwareFilterAction?
    C1G2TagInventoryStateUnawareFilterAction?
332 C1G2TagInventoryMask  MB:u2 _:6 Pointer:u16 TagMask:u1v
333 C1G2TagInventoryStateAwareFilterAction  Target:u8 Action:u8
334 C1G2TagInventoryStateUnawareFilterAction  Action:u8
335 C1G2RFControl  ModeIndex:u16 Tari:u16
336 C1G2SingulationControl  Session:u2 _:6 TagPopulation:u16 TagTransitTime:u32
    > C1G2TagInventoryStateAwareSingulationAction?
337 C1G2TagInventoryStateAwareSingulationAction  I:u1 S:u1 _:6

# 16.3.1.3 C1G2: access operation
338 C1G2TagSpec  > C1G2TargetTag+
339 C1G2TargetTag  MB:u2 Match:u1 _:5 Pointer:u16 TagMask:u1v TagData:u1v
341 C1G2Read  OpSpecID:u16 AccessPassword:u32 MB:u2 _:6 WordPointer:u16 WordCount:u16
342 C1G2Write  OpSpecID:u16 AccessPassword:u32 MB:u2 _:6 WordPointer:u16 WriteData:u16v
343 C1G2Kill  OpSpecID:u16 KillPassword:u32
344 C1G2Lock  OpSpecID:u16 AccessPassword:u32  > C1G2LockPayload+
345 C1G2LockPayload  Privilege:u8 DataField:u8
346 C1G2BlockErase  OpSpecID:u16 AccessPassword:u32 MB:u2 _:6 WordPointer:u16 WordCount:u16
347 C1G2BlockWrite  OpSpecID:u16 AccessPassword:u32 MB:u2 _:6 WordPointer:u16 WriteData:u16v

# 16.3.1.5 C1G2: reporting
348 C1G2EPCMemorySelector  EnableCRC:u1 EnablePCBits:u1 _:6
12 C1G2_PC  PC_Bits:u16
11 C1G2_CRC  CRC:u16
18 C1G2SingulationDetails  NumCollisionSlots:u16 NumEmptySlots:u16
349 C1G2ReadOpSpecResult  Result:u8 OpSpecID:u16 ReadData:u16v
350 C1G2WriteOpSpecResult  Result:u8 OpSpecID:u16 NumWordsWritten:u16
351 C1G2KillOpSpecResult  Result:u8 OpSpecID:u16
352 C1G2LockOpSpecResult  Result:u8 OpSpecID:u16
353 C1G2BlockEraseOpSpecResult  Result:u8 OpSpecID:u16
354 C1G2BlockWriteOpSpecResult  Result:u8 OpSpecID:u16 NumWordsWritten:u16

# LLRP 1.1, 17.3.1.5: TV parameters a reader of that version may report; their length must be known
19 C1G2_XPCW1  XPC_W1:u16
20 C1G2_XPCW2  XPC_W2:u16
"""
