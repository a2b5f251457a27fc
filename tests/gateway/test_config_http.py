"""A listener in a site file: what serves without a word, and what is refused with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.http.settings import Settings
from gateway.config.load import load
from gateway.config.problem import ConfigError, Problem

SITE = """\
version: 1
gateway: {id: gw-07, site: dc1}
segments:
  rfid: {uplink: {url: "mqtt://127.0.0.1"}, plain_devices: [%s]}
read_points:
  belt-1: {uri: "urn:epc:id:sgln:9521141.12345.belt1", kind: checkpoint}
devices:
  handhelds: {driver: http, segment: rfid, listen: "10.10.0.1:8443", read_point: belt-1}
"""
SHORTEST = 'listen: "10.10.0.1:8443", read_point: belt-1'


def site(folder: Path, device: str = SHORTEST, *, plain: str = "", files: str = "pem key token") -> Path:
    for suffix in files.split():
        (folder / f"handhelds.{suffix}").write_text("0123456789abcdef")
        (folder / f"handhelds.{suffix}").chmod(0o600)
    path = folder / "site.yaml"
    path.write_text((SITE % plain).replace(SHORTEST, device))
    return path


def refused(path: Path) -> list[Problem]:
    with pytest.raises(ConfigError) as error:
        load(path)
    return error.value.problems


def test_the_shortest_listener_serves_as_the_contract_writes_it(tmp_path: Path) -> None:
    loaded = load(site(tmp_path))
    assert loaded.warnings == []
    settings = loaded.site.devices["handhelds"].settings
    assert isinstance(settings, Settings)
    tls = settings.encryption("handhelds")
    assert tls is not None
    assert (tls.cert, tls.key) == ("handhelds.pem", "handhelds.key")
    assert settings.known("handhelds")["handhelds"].token == "${file:handhelds.token}"


def test_without_certificate_and_token_it_is_refused_with_remedies(tmp_path: Path) -> None:
    problems = refused(site(tmp_path, files=""))
    assert {one.code for one in problems} == {"file-missing"}
    assert {one.line for one in problems} == {8}
    said = " ".join(one.text for one in problems)
    for text in ("handhelds.pem", "handhelds.key", "handhelds.token", "write tls: {cert", "openssl rand -hex 32"):
        assert text in said


def test_plain_beyond_this_machine_only_where_the_segment_says_so(tmp_path: Path) -> None:
    plain = SHORTEST + ", tls: false"
    [problem] = refused(site(tmp_path, plain))
    assert (problem.code, problem.path) == ("plain-not-allowed", "devices.handhelds.listen")
    assert "plain_devices: [http]" in problem.text
    assert load(site(tmp_path, plain, plain="http")).warnings == []
    assert load(site(tmp_path, plain.replace("10.10.0.1", "127.0.0.1"))).warnings == []


@pytest.mark.parametrize(
    ("device", "where", "says"),
    [
        ("listen: 8443, read_point: belt-1", "listen", "expected text"),
        ('listen: "8443", read_point: belt-1', "listen", "as in 10.10.0.1:8443"),
        ('listen: "localhost:8443", read_point: belt-1', "listen", "no address to listen on"),
        ('listen: "10.10.0.1", read_point: belt-1', "listen", "with a port"),
        ('listen: "10.10.0.1:0", read_point: belt-1', "listen", "port 0 does not exist"),
        ('listen: "0.0.0.0:8443", read_point: belt-1', "listen", "the machine's own address"),
        ('listen: "10.10.0.256:8443", read_point: belt-1', "listen", "no IP address"),
        (SHORTEST + ", token: s3cret", "token", "secrets never stand in this file"),
        (SHORTEST + ", common_name: gun", "", "write tls: {cert: FILE, key: FILE, ca: FILE}"),
        (SHORTEST + ", sources: {gun-1: {}}", "sources.gun-1", "openssl rand -hex 32 > NAME.token"),
        (SHORTEST + ', token: "${file:a}", sources: {gun-1: {token: "${file:b}"}}', "", "write it there"),
        (
            SHORTEST + ', sources: {gun-1: {token: "${env:B}"}, gun-2: {token: "${env:B}"}}',
            "sources.gun-2.token",
            "source 'gun-1' has the same token",
        ),
        (
            'listen: "10.10.0.1:8443", sources: {gun-1: {token: "${file:b}"}}, antennas: {gun-2: belt-1}',
            "antennas.gun-2",
            "no source; write one of gun-1",
        ),
        (SHORTEST + ', sources: {"Gun 1": {token: "${file:b}"}}', "sources.Gun 1", ""),
        (SHORTEST + ", max_body: 10", "max_body", "64MiB"),
        (SHORTEST + ", rate: 0", "rate", "more than 0"),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(device: str, where: str, says: str, tmp_path: Path) -> None:
    problems = refused(site(tmp_path, device))
    path = ".".join(filter(None, ("devices.handhelds", where)))
    [problem] = [one for one in problems if one.path.startswith(path)]
    assert problem.line == 8
    assert says in problem.text
    assert "s3cret" not in problem.text


def test_a_token_file_that_is_not_there_is_named_where_its_source_stands(tmp_path: Path) -> None:
    device = SHORTEST + ', sources: {gun-1: {token: "${file:gun-1.token}"}, gun-2: {token: "${env:GUN}"}}'
    [problem] = refused(site(tmp_path, device))
    assert (problem.code, problem.path) == ("file-missing", "devices.handhelds.sources.gun-1.token")
    assert "openssl rand -hex 32 > gun-1.token" in problem.text


def test_two_listeners_at_one_address(tmp_path: Path) -> None:
    path = site(tmp_path)
    path.write_text(path.read_text() + path.read_text().splitlines()[-1].replace("handhelds:", "more:", 1) + "\n")
    found = {(one.path, one.text) for one in refused(path) if one.code == "bad-value"}
    assert found == {("devices.more.listen", "device 'handhelds' listens there already: choose another port")}


def test_an_address_of_ipv6(tmp_path: Path) -> None:
    assert Settings(listen="[fd00::1]:8443").address == ("fd00::1", 8443)
    assert Settings(listen="[::1]:8443").encryption("x") is None
