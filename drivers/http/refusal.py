"""Why a post is not taken, as its sender is told. Pure."""

from __future__ import annotations


class Refusal(Exception):
    """An HTTP status (RFC 9110, section 15) with a sentence; `line` where one is to blame, `after` seconds to wait."""

    def __init__(self, status: int, detail: str, *, line: int | None = None, after: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.line = line
        self.after = after
