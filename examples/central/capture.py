"""The HTTP of an EPCIS 2.0 capture endpoint."""

from __future__ import annotations

import asyncio
import ssl
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable

Post = Callable[[bytes], Awaitable[int]]
"""Sends a document; the HTTP status of the answer."""


def poster(capture: str, token: str | None = None, timeout: float = 30.0) -> Post:
    """Sends a document to that address; 0 where no answer came."""
    headers = {"Content-Type": "application/json", "GS1-EPCIS-Version": "2.0.0", "GS1-CBV-Version": "2.0.0"}
    if token:
        headers["Authorization"] = f"Bearer {token}"

    def send(body: bytes) -> int:
        request = urllib.request.Request(capture, body, headers, method="POST")  # noqa: S310 - the operator's address
        try:
            with urllib.request.urlopen(request, timeout=timeout, context=context) as answer:  # noqa: S310 - same
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return int(error.code)
        except (OSError, ValueError):
            return 0

    context = ssl.create_default_context() if capture.startswith("https:") else None
    return lambda body: asyncio.to_thread(send, body)
