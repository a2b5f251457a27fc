"""What the gateway writes for people and the journal: a sentence, then fields as key=value (logfmt).

A line is written where something begins or ends, or needs a person; what stays as it is says nothing. To the journal
each line begins with its priority (sd-daemon(3)), so that `journalctl -p warning` finds it.
"""

from __future__ import annotations

import logging
import os
import sys
from types import ModuleType
from typing import Any, Protocol, TextIO, cast


def _structlog() -> ModuleType:
    """structlog without its coloured console: that would bring rich along, 4 MB in each gateway."""
    missing = "rich" not in sys.modules
    if missing:
        cast("dict[str, ModuleType | None]", sys.modules)["rich"] = None  # the import system's word for "not here"
    try:
        import structlog  # noqa: PLC0415 - see above
    finally:
        if missing:
            del sys.modules["rich"]
    return structlog


structlog = _structlog()

_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_OURS = ("gateway", "drivers")

Line = dict[str, Any]


class Logger(Protocol):
    """As much of a structlog logger as is used here."""

    def debug(self, event: str, **fields: object) -> None: ...
    def info(self, event: str, **fields: object) -> None: ...
    def warning(self, event: str, **fields: object) -> None: ...
    def error(self, event: str, **fields: object) -> None: ...
    def exception(self, event: str, **fields: object) -> None: ...


structlog.configure(
    processors=[structlog.stdlib.filter_by_level, structlog.stdlib.render_to_log_kwargs],
    wrapper_class=structlog.stdlib.BoundLogger,
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)


def get_logger(name: str) -> Logger:
    """Says things at a level: a sentence, and what it is about as fields (`device`, `segment`, …).

    `debug`: normal, for `--verbose`. `info`: normal, and worth a line. `warning`: something does not work as it should,
    and the gateway tries again. `error`: somebody must mend something. `exception`: a bug, with its traceback.
    """
    return cast("Logger", structlog.stdlib.get_logger(name))


def configure(stream: TextIO, *, verbose: bool = False) -> None:
    """Write what is logged here and in libraries to `stream`: with priorities where that is the journal, else with
    the time."""
    handler = logging.StreamHandler(stream)
    render = _prioritized if is_journal(stream) else _dated
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder()],
            processors=[_told, structlog.processors.format_exc_info, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # libraries tell of much that is normal
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.DEBUG if verbose else logging.INFO)


def is_journal(stream: TextIO) -> bool:
    """Whether the stream is the one that systemd handed us: JOURNAL_STREAM, systemd.exec(5)."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def _told(_logger: object, _method: str, line: Line) -> Line:
    """Take out of the record what is a line's frame."""
    record = cast("logging.LogRecord", line.pop("_record"))
    line.pop("_from_structlog", None)
    line["level"], line["created"], line["logger"] = record.levelno, record.created, record.name
    return line


def _text(line: Line) -> str:
    """The sentence, the fields, and below them a traceback."""
    trace = line.pop("exception", None)
    sentence, *more = map(_plain, str(line.pop("event")).rstrip().splitlines() or [""])
    fields = {key: _plain(value) for key, value in line.items() if value not in (None, "")}
    said = structlog.processors.LogfmtRenderer()(None, "", fields)
    below = map(_plain, str(trace or "").splitlines())
    return "\n".join(part for part in (f"{sentence} {said}".rstrip(), *more, *below) if part)


def _plain(value: object) -> str:
    """A float as a person writes it; nothing that would end the line, and nothing that a terminal would obey."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if text.isprintable() else "".join(sign if sign.isprintable() else " " for sign in text)


def _prioritized(_logger: object, _method: str, line: Line) -> str:
    level = line.pop("level")
    del line["created"]
    if str(line["logger"]).partition(".")[0] in _OURS:
        del line["logger"]
    priority = next((number for least, number in _PRIORITIES if level >= least), 7)
    return "\n".join(f"<{priority}>{part}" for part in _text(line).splitlines())


def _dated(_logger: object, _method: str, line: Line) -> str:
    level, created, _ = line.pop("level"), line.pop("created"), line.pop("logger")
    from datetime import UTC, datetime  # noqa: PLC0415 - the journal dates its lines itself

    return f"{datetime.fromtimestamp(created, UTC):%Y-%m-%dT%H:%M:%SZ} {logging.getLevelName(level)} {_text(line)}"
