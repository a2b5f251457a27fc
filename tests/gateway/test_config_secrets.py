"""Secrets by reference: read when asked, named when missing, never shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from drivers.contract import Rejected
from gateway.config.secrets import NoSecret, SecretError, resolve
from gateway.devices import _secret


def test_a_file_relative_to_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    assert resolve("${file:password}", tmp_path) == "s3cret"
    assert resolve(f"${{file:{tmp_path}/password}}") == "s3cret"


def test_only_one_line_end_goes(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(" s3cret \n\n")
    assert resolve("${file:password}", tmp_path) == " s3cret \n"


def test_it_is_read_each_time(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("old")
    assert resolve("${file:password}", tmp_path) == "old"
    (tmp_path / "password").write_text("new")
    assert resolve("${file:password}", tmp_path) == "new"


def test_environment_and_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READER_PASSWORD", "from environment")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "reader").write_text("from systemd")
    assert resolve("${env:READER_PASSWORD}") == "from environment"
    assert resolve("${credential:reader}") == "from systemd"


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        ("s3cret", r"no reference.*\$\{file:PATH\}"),
        ("${vault:x}", "no reference"),
        ("${file:absent}", "No such file"),
        ("${file:.}", "directory"),
        ("${file:binary}", "not UTF-8"),
        ("${file:pipe}", "no file"),
        ("${file:huge}", "64 KiB"),
        ("${file:a\0b}", "null"),
        ("${env:READPOINT_ABSENT}", "the environment has no READPOINT_ABSENT"),
        ("${credential:reader}", "LoadCredential=reader"),
    ],
)
def test_what_is_not_there_says_so(reference: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "huge").write_bytes(b"x" * 70_000)
    with pytest.raises(SecretError, match=hint) as error:
        resolve(reference, tmp_path)
    assert "s3cret" not in str(error.value)


def test_a_credential_stays_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    (tmp_path / "other").write_text("s3cret")
    with pytest.raises(SecretError, match="no '/'"):
        resolve("${credential:../other}")


def test_a_driver_is_told_what_to_do_about_a_secret_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("0011\n")
    assert _secret("${file:key}", tmp_path) == "0011"
    with pytest.raises(Rejected, match="NOWHERE"):
        _secret("${env:NOWHERE}", tmp_path)


def test_a_file_that_is_gone_is_told_apart_from_one_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NoSecret):
        resolve("${file:token}", tmp_path)
    (tmp_path / "token").mkdir()
    with pytest.raises(SecretError) as error:
        resolve("${file:token}", tmp_path)
    assert not isinstance(error.value, NoSecret)
