"""Secrets stand in files, in the environment or in systemd's credentials; the configuration only names them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from gateway.config.files import open_file

_REFERENCE = re.compile(r"\$\{(file|env|credential):([^}]+)\}")
_LONGEST = 64 * 1024


class SecretError(Exception):
    """The secret cannot be read. The message names the reference and what to do, never the secret."""


class NoSecret(SecretError):
    """Its file is not there, or not any more."""


def resolve(ref: str, base: Path = Path()) -> str:
    """`${file:PATH}` (relative to `base`), `${env:NAME}` or `${credential:NAME}` → the secret, without a last line end.

    Read when asked, every time: a secret that was changed is seen at the next connection.
    """
    found = _REFERENCE.fullmatch(ref)
    if not found:
        raise SecretError("no reference to a secret: write ${file:PATH}, ${env:NAME} or ${credential:NAME}")
    kind, name = found.groups()
    if kind == "file":
        return _content(base / name, ref)
    if kind == "env":
        value = os.environ.get(name)
        if value is None:
            raise SecretError(f"{ref}: the environment has no {name}: set it in the service's unit")
        return value
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if folder is None:
        raise SecretError(
            f"{ref}: there are no credentials here: run as a systemd service with LoadCredential={name}:PATH"
        )
    if Path(name).name != name:
        raise SecretError(f"{ref}: a credential's name has no '/'")
    return _content(Path(folder) / name, ref)


def _content(path: Path, ref: str) -> str:
    try:
        with open_file(path) as file:
            data = file.read(_LONGEST + 1)
        if len(data) > _LONGEST:
            raise SecretError(f"{ref}: {path} has more than 64 KiB: this is no secret")
        return data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise SecretError(f"{ref}: {path} is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise (NoSecret if isinstance(error, FileNotFoundError) else SecretError)(f"{ref}: {path}: {reason}") from error
