"""The driver against pymodbus's server, on the real wire."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from drivers.contract import Context, Disconnected, Measurement, Observation, Read, Signal, Status, Unreachable
from drivers.modbus.driver import ModbusDriver
from drivers.modbus.settings import PortSettings, Settings
from simulators.modbus_plc.cable import Cable
from simulators.modbus_plc.machines import Conveyor, Door, Machine, Meter, Vibration
from simulators.modbus_plc.server import ModbusPlc
from tests.driving import BOUND, Watched, reopened, states, until

FAST = {"interval": "20ms", "timeout": "1s", "connect_timeout": "5s"}
BEAM = {"beam": {"table": "discrete", "address": 3, "signal": True}}


@pytest.fixture
async def plc() -> AsyncIterator[ModbusPlc]:
    units: dict[int, Machine] = {1: Door(), 2: Conveyor(), 3: Meter(), 4: Vibration()}
    async with ModbusPlc(units) as running:
        yield running


def driver(plc: ModbusPlc, *antennas: str, scheme: str = "tcp", **settings: Any) -> ModbusDriver:
    found = Settings.model_validate({"url": f"{scheme}://127.0.0.1:{plc.port}", **FAST, **settings})
    return ModbusDriver(found, {antenna: PortSettings() for antenna in antennas}, Context("plc"))


def values(seen: list[Observation], point: str) -> list[object]:
    return [one.value for one in seen if isinstance(one, Measurement) and one.point == point]


def reasons(seen: list[Observation], point: str) -> list[str]:
    return [
        one.reason or "" for one in seen if isinstance(one, Measurement) and (one.point, one.quality) == (point, "bad")
    ]


async def watch(one: ModbusDriver, fits: Callable[[list[Observation]], object]) -> list[Observation]:
    watched = Watched(one)
    await watched.until(fits)
    await watched.stop()
    return watched.seen


EVERYTHING = {
    "door": {"unit": 1, "points": {**BEAM, "coil": {"table": "coil", "address": 0}}},
    "belt": {
        "unit": 2,
        "points": {
            "on": {"table": "coil", "address": 0},
            "temperature": {"table": "input", "address": 1, "type": "int16", "scale": 0.1, "uom": "CEL"},
            "spare": {"table": "input", "address": 4, "type": "int16"},
        },
    },
    "meter": {"unit": 3, "profile": "eastron-sdm630"},
    "sunspec": {"unit": 4, "profile": "sunspec"},
    "gone": {"unit": 9, "points": {"x": {"address": 0}}},
}


@pytest.mark.parametrize("framing", ["mbap", "rtu"])
async def test_nothing_but_reads_is_on_the_wire(framing: Any) -> None:
    """Over a whole run: answers, refusals, a dead unit, a discovery, garbage, a lost connection, another."""
    units: dict[int, Machine] = {1: Door(), 2: Conveyor(), 3: Meter(), 4: Vibration()}
    async with ModbusPlc(units, framing=framing) as plc:
        one = driver(plc, scheme="tcp" if framing == "mbap" else "rtu+tcp", units=EVERYTHING)
        watched = Watched(one)
        await watched.until(lambda seen: values(seen, "meter.power") and reasons(seen, "gone.x"))
        plc.faults.garbage()
        await watched.until(lambda seen: any("nobody can read" in s.cause for s in seen if isinstance(s, Status)))
        await plc.stop()
        assert isinstance(await watched.failure(), Disconnected)
        await plc.start()
        again = await reopened(one)
        await again.until(lambda seen: values(seen, "belt.temperature"))
        await again.stop()
        assert set(plc.functions) == {1, 2, 3, 4}
        assert sum(plc.functions.values()) == len(plc.asked) > 20


def test_the_code_path_holds_no_write() -> None:
    """Not even as a name: what is not there cannot be called."""
    folder = Path(__file__).resolve().parents[2] / "drivers" / "modbus"
    for file in folder.rglob("*.py"):
        text = file.read_text().lower()
        for word in ("write_coil", "write_register", "writesingle", "writemultiple", "maskwrite", "readwrite"):
            assert word not in text, file.name


async def test_values_signals_and_what_is_not_implemented(plc: ModbusPlc) -> None:
    seen = await watch(
        driver(plc, units=EVERYTHING), lambda seen: values(seen, "meter.power") and values(seen, "belt.spare")
    )
    assert (None, "online") in states(seen)
    assert values(seen, "door.beam") == [False]
    assert [(one.name, one.value) for one in seen if isinstance(one, Signal)] == [("door.beam", False)]
    assert values(seen, "belt.temperature")[0] == 40.0
    assert "not implemented" in reasons(seen, "belt.spare")[0]
    assert values(seen, "meter.power")[0] == 1500.0
    assert {one.uom for one in seen if isinstance(one, Measurement) and one.point == "meter.power"} == {"WTT"}


async def test_a_register_that_is_not_there_costs_its_own_point_alone(plc: ModbusPlc) -> None:
    points = {
        "speed": {"table": "input", "address": 0},
        "items": {"table": "input", "address": 2, "type": "uint32"},
        "missing": {"table": "input", "address": 6},
        "temperature": {"table": "input", "address": 1},
    }
    seen = await watch(
        driver(plc, unit=2, points=points), lambda seen: reasons(seen, "missing") and values(seen, "items")
    )
    assert "modbus exception 2" in reasons(seen, "missing")[0]
    assert values(seen, "speed") == [30]
    assert values(seen, "temperature")[0] == 400


async def test_other_exceptions_are_told_with_their_name(plc: ModbusPlc) -> None:
    plc.faults.exceptions[1] = 4
    seen = await watch(driver(plc, points=BEAM), lambda seen: reasons(seen, "beam"))
    assert reasons(seen, "beam") == ["modbus exception 4 (server device failure)"]


async def test_a_dead_unit_is_bad_and_offline_and_comes_back(plc: ModbusPlc) -> None:
    units = {
        "door": {"unit": 1, "points": BEAM},
        "belt": {"unit": 2, "points": {"speed": {"table": "input", "address": 0}}},
    }
    watched = Watched(driver(plc, units=units, timeout="150ms"))
    await watched.until(lambda seen: values(seen, "door.beam") and values(seen, "belt.speed"))
    plc.faults.dead.add(1)
    await watched.until(lambda seen: ("door", "offline") in states(seen))
    assert "unit 1" in reasons(watched.seen, "door.beam")[0]
    assert [one.cause for one in watched.seen if isinstance(one, Status) and one.state == "degraded"]
    asked = sum(one.unit == 1 for one in plc.asked)
    await plc.until_asked(20)
    assert sum(one.unit == 1 for one in plc.asked) - asked <= 1
    plc.faults.dead.clear()
    await watched.until(lambda seen: ("door", "online") in states(seen))
    await watched.until(lambda seen: values(seen, "door.beam")[-1] is False)
    await watched.stop()


async def test_when_all_units_are_dead_the_link_is_given_up(plc: ModbusPlc) -> None:
    watched = Watched(driver(plc, points=BEAM, timeout="300ms"))
    await watched.until(lambda seen: values(seen, "beam"))
    plc.faults.silent = True
    failure = await watched.failure()
    assert isinstance(failure, Disconnected)
    assert "unit 1 does not answer" in str(failure)
    assert reasons(watched.seen, "beam")
    last = watched.seen[-1]
    assert isinstance(last, Status)
    assert last.state == "offline"


async def test_a_unit_behind_a_gateway_that_says_so_is_dead_too(plc: ModbusPlc) -> None:
    plc.faults.exceptions[1] = 11
    failure = await Watched(driver(plc, points=BEAM)).failure()
    assert isinstance(failure, Unreachable)


async def test_late_answers_are_never_taken_for_others(plc: ModbusPlc) -> None:
    """The meter answers after its time is up: nothing of it may turn up as the belt's."""
    plc.faults.delays[3] = 0.5
    units = {
        "belt": {
            "unit": 2,
            "points": {"speed": {"table": "input", "address": 0}, "warm": {"table": "input", "address": 1}},
        },
        "meter": {"unit": 3, "points": {"volts": {"table": "input", "address": 0, "type": "float32"}}},
    }
    watched = Watched(driver(plc, units=units, timeout="300ms"))
    await watched.until(lambda seen: reasons(seen, "meter.volts"))
    await plc.until_asked(20)
    await watched.stop()
    assert values(watched.seen, "belt.speed") == [30]


async def test_late_answers_on_a_serial_line_are_never_taken_for_another_block(plc: ModbusPlc) -> None:
    """RTU frames do not say what they answer: two blocks of one size, and a unit that is now and then too slow."""
    async with ModbusPlc({2: Conveyor(pace=0.0)}, framing="rtu") as bus:
        points = {"speed": {"table": "input", "address": 0}, "spare": {"table": "input", "address": 5}}
        points |= {"temperature": {"table": "input", "address": 3, "max_interval": "1ms"}}
        machine = bus.machines[2]
        machine.bank.words("input", 0, [111, 0, 0, 333, 0, 555])
        machine.advance = lambda now: None  # type: ignore[method-assign]
        one = driver(bus, scheme="rtu+tcp", unit=2, points=points, timeout="300ms", interval="5ms")
        watched = Watched(one)
        for _ in range(6):
            told = len(watched.seen)
            await watched.until(lambda seen, told=told: len(seen) > told + 3)
            bus.faults.delays[2] = 0.5
            await bus.until_asked(1)
            bus.faults.delays.clear()
        await watched.stop()
        seen = {point: set(values(watched.seen, point)) - {None} for point in points}
        assert seen == {"speed": {111}, "spare": {555}, "temperature": {333}}


async def test_garbage_is_told_in_hex_and_the_good_goes_on(plc: ModbusPlc) -> None:
    watched = Watched(driver(plc, points=BEAM))
    await watched.until(lambda seen: values(seen, "beam"))
    plc.faults.garbage()
    await watched.until(lambda seen: (None, "degraded") in states(seen))
    (cause,) = (one.cause for one in watched.seen if isinstance(one, Status) and one.state == "degraded")
    assert "de ad be ef" in cause
    machine = plc.machines[1]
    assert isinstance(machine, Door)
    machine.beam(broken=True)
    await watched.until(lambda seen: values(seen, "beam")[-1] is True)
    await watched.stop()


async def test_a_counter_is_a_class_with_a_quantity_also_over_a_lost_link(plc: ModbusPlc) -> None:
    name = "https://id.gs1.org/01/09521141123454"
    items = {"items": {"table": "input", "address": 2, "type": "uint32", "epc_class": name}}
    belt = plc.machines[2]
    assert isinstance(belt, Conveyor)
    belt.pace = 0.0

    def counted(seen: list[Observation]) -> list[int]:
        return [one.count for one in seen if isinstance(one, Read)]

    one = driver(plc, "items", unit=2, points=items)
    watched = Watched(one)
    await watched.until(lambda seen: values(seen, "items"))
    belt.first += 3
    await watched.until(counted)
    await plc.stop()
    await watched.failure()
    belt.first += 7
    await plc.start()
    again = await reopened(one)
    await again.until(counted)
    await again.stop()
    assert counted(watched.seen) + counted(again.seen) == [3, 7]
    assert {(r.value, r.antenna) for r in watched.seen if isinstance(r, Read)} == {(name.encode(), "items")}


async def test_an_edge_is_a_read_of_its_object(plc: ModbusPlc) -> None:
    lock = {"lock": {"table": "discrete", "address": 4, "observe": {"object": "urn:epc:id:giai:9521141.crane1"}}}
    watched = Watched(driver(plc, points=lock))
    await watched.until(lambda seen: values(seen, "lock"))
    door = plc.machines[1]
    assert isinstance(door, Door)
    door.open(wide=True)
    await watched.until(lambda seen: any(isinstance(one, Read) for one in seen))
    await watched.stop()
    (read,) = (one for one in watched.seen if isinstance(one, Read))
    assert (read.scheme, read.value, read.antenna) == ("code", b"urn:epc:id:giai:9521141.crane1", None)


async def test_vibration_rises_to_an_alarm(plc: ModbusPlc) -> None:
    gearbox = {
        "gearbox": {
            "table": "input", "address": 100, "type": "int16", "samples": 32, "scale": 0.001, "uom": "K40",
            "vibration": {"window": "100ms", "rms": {"high": 1.0, "hysteresis": 0.1}},
        }
    }  # fmt: skip
    watched = Watched(driver(plc, unit=4, points=gearbox))
    await watched.until(lambda seen: values(seen, "gearbox_rms"))
    sensor = plc.machines[4]
    assert isinstance(sensor, Vibration)
    sensor.amplitude = 2.5
    await watched.until(lambda seen: any(one.exception for one in seen if isinstance(one, Measurement)))
    await watched.stop()
    quiet = values(watched.seen, "gearbox_rms")[0]
    assert quiet == pytest.approx(0.5 / 2**0.5, rel=0.15)
    (alarm,) = (one for one in watched.seen if isinstance(one, Measurement) and one.exception)
    assert (alarm.point, alarm.exception, alarm.quality) == ("gearbox_rms", "ALARM_CONDITION", "good")


async def test_a_serial_port_unplugged_and_plugged_in_again() -> None:
    async with Cable(19200) as cable, ModbusPlc({1: Door()}, path=cable.far) as plc:
        serial = {"parity": "none", "stop_bits": 1}
        one = ModbusDriver(
            Settings.model_validate({"url": f"rtu://{cable.path}", "points": BEAM, "serial": serial, **FAST}),
            {},
            Context("plc"),
        )
        watched = Watched(one)
        await watched.until(lambda seen: values(seen, "beam"))
        other = await Watched(one).failure()
        assert "in use" in str(other)
        await plc.stop()
        cable.unplug()
        assert isinstance(await watched.failure(), Disconnected)
        assert "plugged in" in str(await Watched(one).failure())
        cable.plug()
        await plc.start()
        again = await reopened(one)
        await again.until(lambda seen: values(seen, "beam"))
        await again.stop()


def server_tls(authority: trustme.CA, clients: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    clients.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def test_tls_with_certificates_of_both_sides(tmp_path: Path) -> None:
    authority, clients = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    ours = clients.issue_cert("gw-07")
    ours.private_key_pem.write_to_path(tmp_path / "our.key")
    ours.cert_chain_pems[0].write_to_path(tmp_path / "our.pem")
    async with ModbusPlc({1: Door()}, tls=server_tls(authority, clients)) as plc:

        def secured(**tls: str) -> ModbusDriver:
            url = f"tls://127.0.0.1:{plc.port}"
            return ModbusDriver(
                Settings.model_validate({"url": url, "points": BEAM, "tls": tls, **FAST}),
                {},
                Context("plc", base=str(tmp_path)),
            )

        pair = {"cert": "our.pem", "key": "our.key"}
        seen = await watch(secured(ca="ca.pem", **pair), lambda seen: values(seen, "beam"))
        assert values(seen, "beam") == [False]
        without = await Watched(secured(ca="ca.pem")).failure()
        assert isinstance(without, Unreachable)
        assert "certificate" in str(without)
        forged = await Watched(secured(fingerprint="00" * 32, **pair)).failure()
        assert "another certificate" in str(forged)


async def test_the_device_is_free_at_once(plc: ModbusPlc) -> None:
    await watch(driver(plc, points=BEAM), lambda seen: values(seen, "beam"))
    async with asyncio.timeout(BOUND):
        await until(lambda: plc.connections == 0)
