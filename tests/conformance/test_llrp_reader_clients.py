"""Clients that others wrote inventory against the simulated reader: sllurp and llrpkit."""

from __future__ import annotations

import asyncio
import contextlib

import llrpkit
import pytest
from sllurp.llrp import LLRPReaderClient, LLRPReaderConfig

from simulators.air import Shelf
from simulators.llrp_reader.options import FAMILIES, ReaderOptions
from simulators.llrp_reader.server import LlrpReader

BOUND = 30.0


@pytest.fixture(params=FAMILIES)
async def reader(request, tags):
    async with LlrpReader(ReaderOptions(family=request.param, period=0.02), Shelf(tags)) as reader:
        yield reader


def sllurp_client(reader, **config):
    settings = {"antennas": [1, 2], "report_every_n_tags": 5, "keepalive_interval": 200, **config}
    return LLRPReaderClient("127.0.0.1", reader.port, LLRPReaderConfig(settings))


async def hears(client, wanted, enough):
    """Connects and waits until so many tags were reported; ends the connection however that went."""
    loop, heard, done = asyncio.get_running_loop(), [], asyncio.Event()

    def report(_client, tags):
        heard.extend(tags)
        if len(heard) >= enough and {tag["EPC"] for tag in heard} >= wanted:
            loop.call_soon_threadsafe(done.set)

    client.add_tag_report_callback(report)
    await asyncio.to_thread(client.connect)
    try:
        async with asyncio.timeout(BOUND):
            await done.wait()
    finally:
        client.hard_disconnect()
        await asyncio.to_thread(client.join, 2.0)
    return heard


async def test_sllurp_inventories(reader, tags):
    wanted = {tag.epc.hex().encode() for tag in tags}
    heard = await hears(sllurp_client(reader), wanted, 50)
    assert {tag["EPC"] for tag in heard} == wanted
    assert all(tag["TagSeenCount"] >= 1 for tag in heard)


async def test_sllurp_gets_impinj_fields(tags):
    selected = {"EnableRFPhaseAngle": True, "EnablePeakRSSI": True, "EnableRFDopplerFrequency": True}
    async with LlrpReader(ReaderOptions(period=0.02), Shelf(tags)) as reader:
        client = sllurp_client(
            reader,
            impinj_extended_configuration=True,
            impinj_reports=True,
            impinj_search_mode="1",
            impinj_tag_content_selector=selected,
        )
        heard = await hears(client, {tag.epc.hex().encode() for tag in tags}, 20)
    by_epc = {tag["EPC"]: tag for tag in heard}
    for tag in tags:
        found = by_epc[tag.epc.hex().encode()]
        assert found["ImpinjPeakRSSI"] == tag.rssi * 100
        assert found["ImpinjRFPhaseAngle"] == 1024
        assert found["ImpinjRFDopplerFrequency"] == 32


async def test_llrpkit_inventories(reader, tags):
    async with asyncio.timeout(BOUND), llrpkit.Reader("127.0.0.1", reader.port) as client:
        assert client.max_antennas == 4
        assert client.is_impinj == reader.options.family.startswith("impinj")
        stream = client.inventory(antennas=(1, 2), max_tags=50, include_phase=True, include_tid=True)
        async with contextlib.aclosing(stream):
            heard = {tag.epc: tag async for tag in stream}
        assert set(heard) == {tag.epc for tag in tags}
        for tag in tags:
            found = heard[tag.epc]
            assert found.antenna in (1, 2)
            if client.is_impinj:
                assert (found.rssi_dbm, found.phase_deg, found.tid) == (tag.rssi, 90.0, tag.tid)
            else:
                assert found.rssi_dbm == pytest.approx(tag.rssi, abs=0.5)


async def test_llrpkit_filters_and_reads_memory(reader, tags):
    async with asyncio.timeout(BOUND), llrpkit.Reader("127.0.0.1", reader.port) as client:
        stream = client.inventory(max_tags=10, epc_filter=tags[3].epc)
        async with contextlib.aclosing(stream):
            assert {tag.epc async for tag in stream} == {tags[3].epc}
        result = await client.read_memory(bank="tid", word_count=6, target_epc=tags[1].epc)
        assert (result.ok, result.data) == (True, tags[1].tid)
