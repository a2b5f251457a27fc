"""The simulated reader on a real socket: one client at a time, TLS, faults on demand, the control."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl

import pytest
import trustme

from drivers.contract import ProtocolViolation
from drivers.llrp.codec.framing import Framer
from simulators.air import Shelf, Silence
from simulators.llrp_reader.elements import element
from simulators.llrp_reader.options import ReaderOptions, Tls
from simulators.llrp_reader.server import LlrpReader, serve

KEEPALIVE = element("KeepaliveSpec", KeepaliveTriggerType=1, PeriodicTriggerValue=20)
BOUND = 30.0


@pytest.fixture
async def reader(tags):
    async with LlrpReader(ReaderOptions(family="zebra-fx", period=0.02, control_port=0), Shelf(tags)) as reader:
        yield reader


async def inventory(client, specs):
    """A client that has been greeted and gets reports and keepalives."""
    await client.next("READER_EVENT_NOTIFICATION")
    await client.ask("SET_READER_CONFIG", KEEPALIVE, ResetToFactoryDefault=True)
    await client.ask("ADD_ROSPEC", specs.rospec(reports=specs.report(1, 5)))
    await client.ask("ENABLE_ROSPEC", ROSpecID=0)
    await client.next("RO_ACCESS_REPORT")


async def stays_mute(client):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await client.reader.readexactly(1)


async def drained(client):
    """Reads until nothing has come for 0.1 s."""
    while True:
        try:
            async with asyncio.timeout(0.1):
                await client.reader.read(65536)
        except TimeoutError:
            return


async def cut_off(client):
    """Reads until the connection has ended, one way or the other."""
    with contextlib.suppress(ConnectionError):
        await client.ended()


async def test_one_client_at_a_time(reader, dial):
    async with dial(reader.port) as first:
        greeting = await first.next()
        assert greeting.children[0].child("ConnectionAttemptEvent")["Status"] == 0
        async with dial(reader.port) as second:
            refusal = await second.next()
            assert refusal.children[0].child("ConnectionAttemptEvent")["Status"] == 2
            assert await second.ended() == b""
        told = await first.next()
        assert told.children[0].child("ConnectionAttemptEvent")["Status"] == 4  # another connection attempted
        assert (await first.ask("GET_ROSPECS")).children
        assert (await first.ask("CLOSE_CONNECTION")).name == "CLOSE_CONNECTION_RESPONSE"
        assert await first.ended() == b""
    async with dial(reader.port) as third:
        assert (await third.next()).children[0].child("ConnectionAttemptEvent")["Status"] == 0


async def test_rospecs_outlive_the_client(reader, dial, specs):
    async with dial(reader.port) as client:
        await inventory(client, specs)
    async with dial(reader.port) as client:
        (spec,) = (await client.ask("GET_ROSPECS")).all("ROSpec")
        assert spec["CurrentState"] == 2
        await client.next("RO_ACCESS_REPORT")


async def test_tls(dial, tmp_path):
    authority = trustme.CA()
    cert = authority.issue_cert("localhost")
    cert.private_key_pem.write_to_path(tmp_path / "key.pem")
    for blob in cert.cert_chain_pems:
        blob.write_to_path(tmp_path / "cert.pem", append=True)
    options = ReaderOptions(tls=Tls(cert=str(tmp_path / "cert.pem"), key=str(tmp_path / "key.pem")))
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with LlrpReader(options, Silence()) as reader:
        async with dial(reader.port, trusting) as client:
            assert (await client.next()).name == "READER_EVENT_NOTIFICATION"
            assert (await client.ask("GET_READER_CAPABILITIES", RequestedData=1)).child("GeneralDeviceCapabilities")
        with pytest.raises(ssl.SSLCertVerificationError):
            async with dial(reader.port, ssl.create_default_context()):
                pass


async def test_hostile_bytes_end_the_connection_only(reader, dial):
    async with dial(reader.port) as client:
        await client.next()
        client.writer.write(b"\xff" * 1000)
        await client.ended()
    async with dial(reader.port) as client:
        assert (await client.next()).children[0].child("ConnectionAttemptEvent")["Status"] == 0


async def test_silence(reader, dial, specs):
    async with dial(reader.port) as client:
        await inventory(client, specs)
        reader.faults.silence()
        await drained(client)
        client.send("GET_ROSPECS")
        await stays_mute(client)
        reader.faults.clear()
        await client.next("RO_ACCESS_REPORT")  # whole frames again


async def test_half_open(reader, dial, specs):
    async with dial(reader.port) as client:
        await inventory(client, specs)
        reader.faults.half_open()
        await drained(client)
        async with dial(reader.port) as late:
            await stays_mute(late)
            client.writer.close()
            reader.faults.clear()
            assert (await late.next()).children[0].child("ConnectionAttemptEvent")["Status"] == 0


async def test_a_reader_that_watches_its_link_lets_go(tags, dial, specs):
    """After so many keepalives without an answer the client is gone, and the next one gets what was held."""
    options = ReaderOptions(family="zebra-fx", period=0.02, link_down=3)
    async with LlrpReader(options, Shelf(tags)) as reader, dial(reader.port) as client:
        await inventory(client, specs)  # and never acknowledges
        await cut_off(client)
        async with dial(reader.port) as late:
            assert (await late.next()).children[0].child("ConnectionAttemptEvent")["Status"] == 0
            await late.next("RO_ACCESS_REPORT")


async def test_garbage_and_truncation(reader, dial):
    async with dial(reader.port) as client:
        await client.next()
        reader.faults.garbage(b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09")
        async with asyncio.timeout(BOUND):
            data = await client.reader.readexactly(10)
        with pytest.raises(ProtocolViolation):
            Framer().feed(data)
        reader.faults.truncate()
        assert 0 < len(await client.ended()) < 10


async def test_split(reader, dial, specs):
    async with dial(reader.port) as client:
        reader.faults.split(3)
        await inventory(client, specs)
        assert len((await client.next("RO_ACCESS_REPORT")).children) == 5


async def test_unknown_message(reader, dial):
    async with dial(reader.port) as client:
        await client.next()
        reader.faults.unknown_message()
        assert (await client.next()).name == "UNKNOWN"
        assert (await client.ask("GET_ROSPECS")).name == "GET_ROSPECS_RESPONSE"


async def test_restart_forgets(reader, dial, specs):
    async with dial(reader.port) as client:
        await inventory(client, specs)
        reader.faults.antenna(2, up=False)
        reader.faults.restart(3600.0)
        await cut_off(client)
        with pytest.raises(ConnectionError):
            async with dial(reader.port):
                pass
        reader.faults.restart()
    async with asyncio.timeout(BOUND):
        await reader.listening.wait()
    async with dial(reader.port) as client:
        assert (await client.ask("GET_ROSPECS")).all("ROSpec") == []
        shown = await client.ask("GET_READER_CONFIG", AntennaID=2, RequestedData=2, GPIPortNum=0, GPOPortNum=0)
        assert shown.child("AntennaProperties")["AntennaConnected"] is False  # what is pulled stays pulled


async def test_a_pulled_cable_holds_reports(reader, dial, specs):
    async with dial(reader.port) as client:
        await inventory(client, specs)
        hold = element("EventsAndReports", HoldEventsAndReportsUponReconnect=True)
        await client.ask("SET_READER_CONFIG", hold, ResetToFactoryDefault=False)
        reader.faults.disconnect(0.1)
        await cut_off(client)
    async with asyncio.timeout(BOUND):
        await reader.listening.wait()
    async with dial(reader.port) as client:
        greeting = await client.next()
        client.send("ENABLE_EVENTS_AND_REPORTS")
        report = await client.next("RO_ACCESS_REPORT")
    connected = greeting.children[0].child("UTCTimestamp")["Microseconds"]
    assert report.children[0].child("LastSeenTimestampUTC")["Microseconds"] < connected


async def test_clocks(reader, dial, specs):
    async with dial(reader.port) as client:
        await inventory(client, specs)
        reader.faults.clock("2000-01-01")
        stamps = []
        while not stamps or stamps[-1] > 1e15:
            report = await client.next("RO_ACCESS_REPORT")
            stamps.append(report.children[-1].child("LastSeenTimestampUTC")["Microseconds"])
        assert stamps[-1] == pytest.approx(946_684_800e6, abs=5e6)
        reader.faults.clear()
        reader.faults.uptime_only()
        while not (uptime := (await client.next("RO_ACCESS_REPORT")).children[-1].child("LastSeenTimestampUptime")):
            pass
        assert uptime["Microseconds"] < 60e6


async def test_flood_and_keepalives(reader, dial, specs):
    async with dial(reader.port) as client:
        await inventory(client, specs)
        await client.next("KEEPALIVE")
        reader.faults.flood(20_000)
        seen = 0
        async with asyncio.timeout(BOUND):
            while seen < 2000:
                seen += len((await client.next("RO_ACCESS_REPORT")).children)
        reader.faults.flood(0)
        await client.ask("DELETE_ROSPEC", ROSpecID=0)
        reader.faults.keepalive_off()
        await drained(client)
        await stays_mute(client)


async def test_antennas_and_inputs(reader, dial):
    kinds = [element("EventNotificationState", EventType=kind, NotificationState=True) for kind in (1, 8)]
    on = element("GPIPortCurrentState", GPIPortNum=1, Config=True, State=2)
    async with dial(reader.port) as client:
        await client.next()
        spec = element("ReaderEventNotificationSpec", *kinds)
        await client.ask("SET_READER_CONFIG", spec, on, ResetToFactoryDefault=False)
        reader.faults.antenna(2, up=False)
        assert (await client.next()).children[0].child("AntennaEvent").fields == {"EventType": 0, "AntennaID": 2}
        reader.faults.clear()
        assert (await client.next()).children[0].child("AntennaEvent").fields == {"EventType": 1, "AntennaID": 2}
        reader.set_gpi(1, True)
        assert (await client.next()).children[0].child("GPIEvent").fields == {"GPIPortNumber": 1, "GPIEvent": True}


async def test_control(reader, dial):
    lines, writer = await asyncio.open_connection("127.0.0.1", reader.control_port)

    async def order(text):
        writer.write(text.encode() + b"\n")
        async with asyncio.timeout(BOUND):
            return json.loads(await lines.readline())

    async with dial(reader.port) as client:
        await client.next()
        assert await order('{"fault": "garbage", "data": "00ff"}') == {"ok": True}
        async with asyncio.timeout(BOUND):
            assert await client.reader.readexactly(2) == b"\x00\xff"
        assert await order('{"fault": "split", "n": 1}') == {"ok": True}
        assert await order('{"gpi": 1, "state": true}') == {"ok": True}
    for bad in (
        '{"fault": "fire"}',
        '{"fault": "split", "x": 1}',
        "[]",
        "nonsense",
        '{"gpi": 99}',
        '{"fault": "clock", "to": "x"}',
    ):
        answer = await order(bad)
        assert answer["ok"] is False
        assert answer["error"]
    writer.close()


async def test_many_readers_in_one_loop(dial):
    ready: asyncio.Future[list[LlrpReader]] = asyncio.get_running_loop().create_future()
    options = [ReaderOptions(name=f"reader-{n}") for n in range(20)]
    running = asyncio.create_task(serve(options, Silence(), ready=ready.set_result))
    async with asyncio.timeout(BOUND):
        readers = await ready
    for reader in readers:
        async with dial(reader.port) as client:
            await client.next()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(ConnectionError):
        async with dial(readers[0].port):
            pass
