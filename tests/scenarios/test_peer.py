"""A peer beside us: the same broker, the same load, the same faults; what was recorded, lost, delivered again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.brokers import MOSQUITTO, Mosquitto
from tests.peer.link import Link, heard
from tests.peer.ours import Readpoint
from tests.peer.thingsboard import ACL, ThingsBoard, Unavailable, install, limits_told
from tests.peer.trial import HEAD, Result, Trial

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(900),
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto"),
]


async def tried(folder: Path, python: Path | None) -> Result:
    """Ours, or the peer that this Python runs."""
    folder.mkdir()
    rights = folder / "acl"
    rights.write_text(ACL)
    broker = Mosquitto(folder / "broker", extra=f"acl_file {rights}")
    broker.start()
    link = Link(broker.port)
    await link.mend()
    gateway = Readpoint(folder, link.port) if python is None else ThingsBoard(folder, link.port, python)
    try:
        with heard(broker.port, gateway.number) as counts, limits_told(broker.port):
            return await Trial(gateway, link, counts).run()
    finally:
        await gateway.kill()
        if isinstance(gateway, ThingsBoard):
            gateway.close()
        await link.cut()
        broker.stop()


async def test_a_half_open_link_and_two_kills_beside_a_peer(tmp_path: Path) -> None:
    try:
        python = install(tmp_path / "venv")
    except Unavailable as reason:
        pytest.skip(str(reason))
    peer = await tried(tmp_path / "peer", python)
    ours = await tried(tmp_path / "ours", None)
    print(HEAD, ours.row(Readpoint.name), peer.row(ThingsBoard.name), sep="\n")
    assert ours.recorded == 50 * (5 + 20 + 2 + 5 + 5)
    assert ours.lost == 0
