"""TLS to a reader: by CA, by fingerprint, with our own certificate; and what is said when it does not work."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from drivers.contract import Context, DriverError, Unreachable
from drivers.llrp.driver import LlrpDriver
from drivers.llrp.settings import Settings
from simulators.air import Heard, Shelf
from simulators.llrp_reader.options import ReaderOptions, Tls
from simulators.llrp_reader.server import LlrpReader
from tests.driving import Watched, reads


class Files(NamedTuple):
    """PEM files of a reader, of its CA, of a stranger's CA and of a client."""

    folder: Path
    fingerprint: str

    def name(self, name: str) -> str:
        return str(self.folder / name)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("reader")
    ca, stranger = trustme.CA(), trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    stranger.cert_pem.write_to_path(folder / "stranger.pem")
    reader, client = ca.issue_cert("127.0.0.1"), ca.issue_cert("gw-07.rfid")
    for name, issued in (("reader", reader), ("client", client)):
        issued.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        issued.private_key_pem.write_to_path(folder / f"{name}.key")
    key = load_pem_private_key(client.private_key_pem.bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    (folder / "locked.key").write_bytes(locked)
    der = ssl.PEM_cert_to_DER_cert((folder / "reader.pem").read_text())
    return Files(folder, hashlib.sha256(der).hexdigest())


async def outcome(files: Files, *, client_ca: bool = False, plain: bool = False, **tls: str) -> DriverError | None:
    """None if a read came through, else what ended the driver."""
    served = Tls(
        cert=files.name("reader.pem"),
        key=files.name("reader.key"),
        client_ca=files.name("ca.pem") if client_ca else None,
    )
    air = Shelf([Heard(bytes.fromhex("3034257bf7194e4000000001"), -55.0)])
    async with LlrpReader(ReaderOptions(tls=None if plain else served), air) as reader:
        given: dict[str, Any] = {"host": "127.0.0.1", "port": reader.port, "tls": tls, "connect_timeout": "2s"}
        driver = LlrpDriver(Settings.model_validate(given), {}, Context("dock", base=str(files.folder)))
        watched = Watched(driver)
        try:
            await watched.until(reads)
        except DriverError as error:
            return error
        await watched.stop()
        return None


async def test_by_ca_relative_to_the_configuration(files: Files) -> None:
    assert await outcome(files, ca="ca.pem") is None


@pytest.mark.parametrize("style", ["plain", "openssl"])
async def test_by_fingerprint(files: Files, style: str) -> None:
    pin = files.fingerprint
    if style == "openssl":
        pin = ":".join(pin[at : at + 2] for at in range(0, 64, 2)).upper()
    assert await outcome(files, fingerprint=pin) is None


async def test_with_our_own_certificate(files: Files) -> None:
    assert await outcome(files, client_ca=True, ca="ca.pem", cert="client.pem", key="client.key") is None


@pytest.mark.parametrize(
    ("case", "tls", "words"),
    [
        ({}, {"ca": "stranger.pem"}, ["certificate of 127.0.0.1 is not accepted", "tls.ca"]),
        ({}, {"fingerprint": "00" * 32}, ["another certificate than the pinned one", "FOUND"]),
        ({}, {"ca": "missing.pem"}, ["TLS files cannot be used (missing.pem)", "No such file"]),
        ({}, {"ca": "ca.pem", "cert": "client.pem", "key": "locked.key"}, ["TLS files cannot be used", "locked.key"]),
        ({"plain": True}, {"ca": "ca.pem"}, ["TLS with 127.0.0.1 failed", "does this port speak TLS"]),
        ({"client_ca": True}, {"ca": "ca.pem"}, ["before it had greeted", "tls.cert"]),
    ],
    ids=["wrong CA", "wrong pin", "missing file", "encrypted key", "plain port", "no client certificate"],
)
async def test_what_does_not_work_is_said(
    files: Files, case: dict[str, bool], tls: dict[str, str], words: list[str]
) -> None:
    failure = await outcome(files, **case, **tls)
    assert isinstance(failure, DriverError)
    for word in words:
        assert word.replace("FOUND", files.fingerprint) in str(failure)


async def test_a_reader_without_tls_is_no_reader_with_tls(files: Files) -> None:
    async with LlrpReader(
        ReaderOptions(tls=Tls(cert=files.name("reader.pem"), key=files.name("reader.key"))), Shelf([])
    ) as reader:
        settings = Settings.model_validate({"host": "127.0.0.1", "port": reader.port, "connect_timeout": "500ms"})
        failure = await Watched(LlrpDriver(settings, {}, Context("dock"))).failure()
    assert isinstance(failure, Unreachable)
