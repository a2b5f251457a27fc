"""`readpoint simulate nmea`: a receiver that anybody can listen to."""

from __future__ import annotations

import asyncio
import re
import signal
import sys

import pytest
from click.testing import CliRunner

from drivers.nmea.framing import Framer
from drivers.nmea.sentences import parse
from gateway.cli.simulate_nmea import nmea

BOUND = 60.0


async def test_it_drives_its_waypoints_and_ends_at_ctrl_c() -> None:
    options = ["--tcp", "127.0.0.1:0", "--waypoint", "10,20", "--waypoint", "10.001,20", "--rate", "20", "--wait", "0"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "simulate", "nmea", *options, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    async with asyncio.timeout(BOUND):
        said = (await process.stderr.readline()).decode()
        found = re.search(r"tcp://127\.0\.0\.1:(\d+); one round takes 40 s", said)  # 2 x 111 m at 20 km/h
        assert found, said
        reader, writer = await asyncio.open_connection("127.0.0.1", int(found[1]))
        framer, places = Framer(), []
        while len(places) < 10:
            for sentence in framer.feed(await reader.read(4096)):
                report = parse(sentence)
                if report is not None and report.latitude is not None:
                    places.append((report.latitude, report.longitude))
        writer.close()
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    assert framer.damaged == 0
    assert all(10.0 <= latitude <= 10.001 for latitude, _ in places)
    assert all(longitude == pytest.approx(20.0) for _, longitude in places)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--waypoint", "here"], "write LAT,LON"),
        (["--waypoint", "91,0"], "a latitude within 89"),
        (["--tcp", "nowhere"], "write HOST:PORT"),
        (["--udp", "127.0.0.1:port"], "write HOST:PORT"),
    ],
)
def test_wrong_options_say_what_to_write(options: list[str], words: str) -> None:
    result = CliRunner().invoke(nmea, options)
    assert result.exit_code == 2
    assert words in result.output


def test_a_place_where_it_cannot_speak_is_named() -> None:
    result = CliRunner().invoke(nmea, ["--pty", "/nowhere/gps"])
    assert result.exit_code == 1
    assert "/nowhere/gps: No such file or directory" in result.output
