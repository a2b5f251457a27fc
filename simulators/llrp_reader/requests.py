"""What a client may ask, and how the reader answers: a function a message, named as the message is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from drivers.contract import ProtocolViolation
from drivers.llrp.codec.enums import GetReaderCapabilitiesRequestedData as Asked
from drivers.llrp.codec.enums import NotificationEventType, StatusCode
from drivers.llrp.codec.values import Element, Message, Value
from drivers.llrp.codec.wire import decode
from simulators.llrp_reader import families
from simulators.llrp_reader.access import ACCESSSPEC, AccessSpec
from simulators.llrp_reader.core import ReaderCore, RoSpec
from simulators.llrp_reader.elements import Refused, refused_field, refused_parameter, required, status
from simulators.llrp_reader.plan import ROSPEC, plan
from simulators.llrp_reader.reports import frame


class Answer(NamedTuple):
    """What follows the LLRPStatus of a response, and the response's own fields."""

    children: tuple[Element, ...] = ()
    fields: Mapping[str, Value] = MappingProxyType({})


_DONE = Answer()
_NEGOTIATION = ("GET_SUPPORTED_VERSION", "SET_PROTOCOL_VERSION")


def receive(core: ReaderCore, frame: bytes, now: float) -> None:
    """Takes one frame and answers it, whatever it holds."""
    try:
        message = decode(frame)
    except ProtocolViolation as error:
        core.complain(int.from_bytes(frame[6:10], "big"), StatusCode.M_ParameterError, str(error))
        return
    answer(core, message, now)


def answer(core: ReaderCore, message: Message, now: float) -> None:
    """Answers a message: with its response, or an ERROR_MESSAGE where there is none for it (section 14.1)."""
    kind = core.device.kind
    if message.version > kind.versions or (message.name not in _NEGOTIATION and message.version != core.link.version):
        core.complain(message.id, StatusCode.M_UnsupportedVersion, f"LLRP version {message.version} is not spoken here")
        return
    request = _REQUESTS.get(message.name)
    known = request is not None and (kind.versions > 1 or message.name not in _NEGOTIATION)
    if request is None or not known or (message.name == "IMPINJ_ENABLE_EXTENSIONS" and not kind.extensions):
        core.complain(message.id, StatusCode.M_UnsupportedMessage, f"{message.name} is not supported")
        return
    try:
        given = request(core, message, now)
    except Refused as refused:
        _respond(core, message, _DONE, refused.status)
        return
    if given is not None:
        _respond(core, message, given, status())


def _respond(core: ReaderCore, message: Message, given: Answer, outcome: Element) -> None:
    version = max(message.version, core.link.version)
    children = (outcome, *given.children)
    core.link.send(Message(f"{message.name}_RESPONSE", message.id, version, dict(given.fields), children))


# capabilities and configuration


def _get_reader_capabilities(core: ReaderCore, message: Message, _now: float) -> Answer:
    kind, options, asked = core.device.kind, core.device.options, message["RequestedData"]
    if asked > Asked.LLRP_Air_Protocol_Capabilities:
        raise refused_field("unknown requested data", 0, StatusCode.A_OutOfRange)
    parts = {
        Asked.General_Device_Capabilities: families.general(kind, options),
        Asked.LLRP_Capabilities: families.llrp(kind, holding=core.device.holding),
        Asked.Regulatory_Capabilities: families.regulatory(kind),
        Asked.LLRP_Air_Protocol_Capabilities: families.air_protocol(kind),
    }
    shown = tuple(part for which, part in parts.items() if asked in (Asked.All, which))
    vendor = families.vendor(kind, extended=core.settings.extensions) if asked == Asked.All else ()
    return Answer(shown + vendor)


def _get_reader_config(core: ReaderCore, message: Message, _now: float) -> Answer:
    return Answer(tuple(core.settings.shown(message)))


def _set_reader_config(core: ReaderCore, message: Message, now: float) -> Answer:
    core.settings = core.settings.apply(message)
    core.link.warning_wanted = core.settings.notify[NotificationEventType.Report_Buffer_Fill_Warning]
    if message["ResetToFactoryDefault"]:
        core.stop(now)
        core.rospecs.clear()
        core.accessspecs.clear()
    if message["ResetToFactoryDefault"] or message.child("KeepaliveSpec") is not None:
        core.keep_alive(now)
    return _DONE


def _impinj_enable_extensions(core: ReaderCore, _message: Message, _now: float) -> Answer:
    core.settings.extensions = True
    return _DONE


# ROSpecs


def _rospecs(core: ReaderCore, message: Message, *, all_with_zero: bool = True) -> list[RoSpec]:
    number = message["ROSpecID"]
    if number == 0 and all_with_zero:
        return list(core.rospecs.values())
    if number not in core.rospecs:
        raise refused_field(f"there is no ROSpec {number}", 0)
    return [core.rospecs[number]]


def _add_rospec(core: ReaderCore, message: Message, now: float) -> Answer:
    spec = _wanted(message, "ROSpec")
    planned = plan(spec, core.device)
    if planned.id in core.rospecs:
        raise refused_parameter(f"there is a ROSpec {planned.id} already", (ROSPEC,), 0, StatusCode.A_Invalid)
    if len(core.rospecs) >= core.device.kind.rospecs:
        text = f"this reader keeps {core.device.kind.rospecs} ROSpec(s): delete one first"
        raise refused_parameter(text, (ROSPEC,), None, StatusCode.P_OverflowParameter)
    core.rospecs[planned.id] = RoSpec(spec, planned, now)
    return _DONE


def _delete_rospec(core: ReaderCore, message: Message, now: float) -> Answer:
    for rospec in _rospecs(core, message):
        core.disarm(rospec, now)
        del core.rospecs[rospec.plan.id]
    return _DONE


def _enable_rospec(core: ReaderCore, message: Message, now: float) -> Answer:
    for rospec in _rospecs(core, message):
        if not rospec.enabled:
            core.arm(rospec, now)
    return _DONE


def _disable_rospec(core: ReaderCore, message: Message, now: float) -> Answer:
    for rospec in _rospecs(core, message):
        core.disarm(rospec, now)
    return _DONE


def _start_rospec(core: ReaderCore, message: Message, now: float) -> Answer:
    (rospec,) = _rospecs(core, message, all_with_zero=False)
    if not rospec.enabled:
        raise refused_field(f"ROSpec {rospec.plan.id} is disabled", 0)
    if not core.start(rospec, now):
        raise Refused(status(StatusCode.R_DeviceError, "a ROSpec of the same or a higher priority is running"))
    return _DONE


def _stop_rospec(core: ReaderCore, message: Message, now: float) -> Answer:
    (rospec,) = _rospecs(core, message, all_with_zero=False)
    core.halt(rospec, now)
    return _DONE


def _get_rospecs(core: ReaderCore, _message: Message, _now: float) -> Answer:
    return Answer(
        tuple(
            Element(
                spec.element.name, {**spec.element.fields, "CurrentState": int(core.state(spec))}, spec.element.children
            )
            for spec in core.rospecs.values()
        )
    )


# AccessSpecs


def _accessspecs(core: ReaderCore, message: Message) -> list[AccessSpec]:
    number = message["AccessSpecID"]
    if number == 0:
        return list(core.accessspecs.values())
    if number not in core.accessspecs:
        raise refused_field(f"there is no AccessSpec {number}", 0)
    return [core.accessspecs[number]]


def _add_accessspec(core: ReaderCore, message: Message, _now: float) -> Answer:
    spec = AccessSpec(_wanted(message, "AccessSpec"))
    if spec.id in core.accessspecs:
        raise refused_parameter(f"there is an AccessSpec {spec.id} already", (ACCESSSPEC,), 0, StatusCode.A_Invalid)
    if len(core.accessspecs) >= core.device.kind.accessspecs:
        raise refused_parameter("too many AccessSpecs", (ACCESSSPEC,), None, StatusCode.P_OverflowParameter)
    core.accessspecs[spec.id] = spec
    return _DONE


def _delete_accessspec(core: ReaderCore, message: Message, _now: float) -> Answer:
    for spec in _accessspecs(core, message):
        del core.accessspecs[spec.id]
    return _DONE


def _enable_accessspec(core: ReaderCore, message: Message, _now: float) -> Answer:
    for spec in _accessspecs(core, message):
        spec.enable()
    return _DONE


def _disable_accessspec(core: ReaderCore, message: Message, _now: float) -> Answer:
    for spec in _accessspecs(core, message):
        spec.enabled = False
    return _DONE


def _get_accessspecs(core: ReaderCore, _message: Message, _now: float) -> Answer:
    return Answer(tuple(spec.shown() for spec in core.accessspecs.values()))


# reports and the connection


def _get_report(core: ReaderCore, message: Message, _now: float) -> None:
    for body, _tags in core.reports() or [(b"", 0)]:
        core.link.out.append(frame(body, message.id, core.link.version))


def _enable_events_and_reports(core: ReaderCore, _message: Message, now: float) -> None:
    core.link.release(now)


def _keepalive_ack(core: ReaderCore, _message: Message, _now: float) -> None:
    core.acknowledged()


def _close_connection(core: ReaderCore, _message: Message, _now: float) -> Answer:
    core.closing = True
    return _DONE


def _get_supported_version(core: ReaderCore, _message: Message, _now: float) -> Answer:
    return Answer(fields={"CurrentVersion": core.link.version, "SupportedVersion": core.device.kind.versions})


def _set_protocol_version(core: ReaderCore, message: Message, _now: float) -> Answer:
    wanted = message["ProtocolVersion"]
    if not 1 <= wanted <= core.device.kind.versions:
        text = f"LLRP version {wanted} is not spoken here"
        raise Refused(status(StatusCode.M_UnsupportedVersion, text))
    core.link.version = wanted
    return _DONE


def _wanted(message: Message, name: str) -> Element:
    """The parameter an ADD message is about."""
    return required(Element(message.name, {}, message.children), name)


_REQUESTS: dict[str, Callable[[ReaderCore, Message, float], Answer | None]] = {
    "GET_READER_CAPABILITIES": _get_reader_capabilities,
    "GET_READER_CONFIG": _get_reader_config,
    "SET_READER_CONFIG": _set_reader_config,
    "IMPINJ_ENABLE_EXTENSIONS": _impinj_enable_extensions,
    "ADD_ROSPEC": _add_rospec,
    "DELETE_ROSPEC": _delete_rospec,
    "ENABLE_ROSPEC": _enable_rospec,
    "DISABLE_ROSPEC": _disable_rospec,
    "START_ROSPEC": _start_rospec,
    "STOP_ROSPEC": _stop_rospec,
    "GET_ROSPECS": _get_rospecs,
    "ADD_ACCESSSPEC": _add_accessspec,
    "DELETE_ACCESSSPEC": _delete_accessspec,
    "ENABLE_ACCESSSPEC": _enable_accessspec,
    "DISABLE_ACCESSSPEC": _disable_accessspec,
    "GET_ACCESSSPECS": _get_accessspecs,
    "GET_REPORT": _get_report,
    "ENABLE_EVENTS_AND_REPORTS": _enable_events_and_reports,
    "KEEPALIVE_ACK": _keepalive_ack,
    "CLOSE_CONNECTION": _close_connection,
    "GET_SUPPORTED_VERSION": _get_supported_version,
    "SET_PROTOCOL_VERSION": _set_protocol_version,
}
