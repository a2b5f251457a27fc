"""Messages of LLRP 1.0.1, and the version negotiation of LLRP 1.1. How to read a line: `definitions.py`."""

MESSAGES = """
# Capabilities and configuration (section 16.1 of LLRP 1.0.1, as all that follow)
1 GET_READER_CAPABILITIES  RequestedData:u8  > Custom*
11 GET_READER_CAPABILITIES_RESPONSE  > LLRPStatus GeneralDeviceCapabilities? LLRPCapabilities?
    RegulatoryCapabilities? C1G2LLRPCapabilities? Custom*
2 GET_READER_CONFIG  AntennaID:u16 RequestedData:u8 GPIPortNum:u16 GPOPortNum:u16  > Custom*
12 GET_READER_CONFIG_RESPONSE  > LLRPStatus Identification? AntennaProperties* AntennaConfiguration*
    ReaderEventNotificationSpec? ROReportSpec? AccessReportSpec? LLRPConfigurationStateValue? KeepaliveSpec?
    GPIPortCurrentState* GPOWriteData* EventsAndReports? Custom*
3 SET_READER_CONFIG  ResetToFactoryDefault:u1 _:7  > ReaderEventNotificationSpec? AntennaProperties*
    AntennaConfiguration* ROReportSpec? AccessReportSpec? KeepaliveSpec? GPOWriteData* GPIPortCurrentState*
    EventsAndReports? Custom*
13 SET_READER_CONFIG_RESPONSE  > LLRPStatus

# Reader operation
20 ADD_ROSPEC  > ROSpec
30 ADD_ROSPEC_RESPONSE  > LLRPStatus
21 DELETE_ROSPEC  ROSpecID:u32
31 DELETE_ROSPEC_RESPONSE  > LLRPStatus
22 START_ROSPEC  ROSpecID:u32
32 START_ROSPEC_RESPONSE  > LLRPStatus
23 STOP_ROSPEC  ROSpecID:u32
33 STOP_ROSPEC_RESPONSE  > LLRPStatus
24 ENABLE_ROSPEC  ROSpecID:u32
34 ENABLE_ROSPEC_RESPONSE  > LLRPStatus
25 DISABLE_ROSPEC  ROSpecID:u32
35 DISABLE_ROSPEC_RESPONSE  > LLRPStatus
26 GET_ROSPECS
36 GET_ROSPECS_RESPONSE  > LLRPStatus ROSpec*

# Access operation
40 ADD_ACCESSSPEC  > AccessSpec
50 ADD_ACCESSSPEC_RESPONSE  > LLRPStatus
41 DELETE_ACCESSSPEC  AccessSpecID:u32
51 DELETE_ACCESSSPEC_RESPONSE  > LLRPStatus
42 ENABLE_ACCESSSPEC  AccessSpecID:u32
52 ENABLE_ACCESSSPEC_RESPONSE  > LLRPStatus
43 DISABLE_ACCESSSPEC  AccessSpecID:u32
53 DISABLE_ACCESSSPEC_RESPONSE  > LLRPStatus
44 GET_ACCESSSPECS
54 GET_ACCESSSPECS_RESPONSE  > LLRPStatus AccessSpec*
45 CLIENT_REQUEST_OP  > TagReportData
55 CLIENT_REQUEST_OP_RESPONSE  > ClientRequestResponse

# Reports and events
60 GET_REPORT
61 RO_ACCESS_REPORT  > TagReportData* RFSurveyReportData* Custom*
62 KEEPALIVE
72 KEEPALIVE_ACK
63 READER_EVENT_NOTIFICATION  > ReaderEventNotificationData
64 ENABLE_EVENTS_AND_REPORTS

# The connection, errors, vendors
100 ERROR_MESSAGE  > LLRPStatus
14 CLOSE_CONNECTION
4 CLOSE_CONNECTION_RESPONSE  > LLRPStatus
1023 CUSTOM_MESSAGE  VendorIdentifier:u32 MessageSubtype:u8 Data:bytesToEnd

# LLRP 1.1, sections 9.1.1 to 9.1.4: version negotiation
46 GET_SUPPORTED_VERSION
56 GET_SUPPORTED_VERSION_RESPONSE  CurrentVersion:u8 SupportedVersion:u8  > LLRPStatus
47 SET_PROTOCOL_VERSION  ProtocolVersion:u8
57 SET_PROTOCOL_VERSION_RESPONSE  > LLRPStatus
"""
