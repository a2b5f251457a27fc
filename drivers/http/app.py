"""The web application: a post in, an answer out once it is stored. It waits for the disk and knows no socket."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from drivers.contract import Status
from drivers.http import body as bodies
from drivers.http.complaints import Complaints
from drivers.http.deliveries import LATER, Deliveries, Delivery, digest
from drivers.http.observing import Desk, observe
from drivers.http.openapi import PATH, Problem, Stored, document
from drivers.http.rate import COST, Bucket
from drivers.http.refusal import Refusal
from drivers.http.settings import Settings
from drivers.http.sources import Known, who

_KEY = 200
"""Characters of a batch's id."""
_WRONG = 60.0
"""Seconds from which a source's clock is worth a complaint; less is put right in silence."""
_encode = msgspec.json.Encoder().encode


class Desks:
    """The listener's inside: who may post, how fast, and where it goes. `tell` takes changes of the device's state."""

    def __init__(
        self,
        settings: Settings,
        known: Callable[[], Mapping[str, Known]],
        desks: Mapping[str, Desk],
        deliveries: Deliveries,
        complaints: Complaints,
        tell: Callable[[Status], None],
        clock: Callable[[], float],
        rates: Mapping[str, float],
    ) -> None:
        self._settings = settings
        self._known = known
        self._desks = desks
        self._deliveries = deliveries
        self._complaints = complaints
        self._tell = tell
        self._clock = clock
        self._now = asyncio.get_running_loop().time
        self._buckets = {name: Bucket(rate, self._now()) for name, rate in rates.items()}
        self._document = _encode(document(settings.max_body))
        self._ending = asyncio.Event()
        self._one = asyncio.Lock()

    def application(self) -> Starlette:
        """As ASGI has it."""
        app = Starlette(
            routes=[
                Route(PATH, self._post, methods=["POST"]),
                Route("/openapi.json", self._openapi, methods=["GET"]),
            ],
            exception_handlers={HTTPException: self._unknown},
        )
        app.router.redirect_slashes = False
        return app

    def end(self) -> None:
        """Nobody waits any longer: what is not stored yet is answered so."""
        self._ending.set()

    def complain(self, cause: str, data: bytes = b"") -> None:
        """Something came that is no post."""
        self._say(self._complaints.bad(cause, data, self._clock()))

    def _say(self, status: Status | None) -> None:
        if status is not None:
            self._tell(status)

    async def _openapi(self, _request: Request) -> Response:
        return self._answer(200, self._document, "application/json")

    async def _unknown(self, _request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        headers = error.headers if isinstance(error, HTTPException) else None
        return self._refuse(Refusal(status, f"post to {PATH}; {HTTPStatus(status).phrase.lower()} here"), headers)

    async def _post(self, request: Request) -> Response:
        arrived = self._clock()
        data = bytearray()
        source = ""
        try:
            async with asyncio.timeout(self._settings.request_timeout):
                source = who(self._known(), request.headers.get("authorization"), request.state.common_name)
                await self._read(request, source, data)
            taken, error = await self._take(request, source, bytes(data), arrived)
            await self._stored(taken)
        except Refusal as refusal:
            if refusal.status in (400, 401, 403, 413, 415):
                self.complain(f"{source or 'somebody'}: {refusal.detail}", bytes(data))
            return self._refuse(refusal)
        except TimeoutError:
            late = Refusal(408, f"the body did not arrive within {self._settings.request_timeout:g} s")
            return self._refuse(late, {"connection": "close"})
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        if abs(error) > _WRONG:
            self.complain(f"{source}: its clock is {_length(error)}: set it; the times of its reads were moved by that")
        else:
            self._say(self._complaints.fine(self._clock()))
        stored = Stored(taken.reads, taken.ignored, round(error, 3) if error else None)
        return self._answer(200, _encode(stored), "application/json")

    async def _read(self, request: Request, source: str, data: bytearray) -> None:
        """The body, as far as it is allowed."""
        bucket, most = self._buckets[source], self._settings.max_body
        wait = bucket.wait(self._now())
        if wait:
            allowed = f"{bucket.rate:g} reads a second (rate), {COST} bytes of a post counting as one"
            raise Refusal(429, f"{source} may post {allowed}", after=wait)
        try:
            if request.headers.get("content-encoding", "identity").lower() != "identity":
                raise Refusal(415, "compressed bodies are not taken: post it as it is")
            announced = request.headers.get("content-length", "0")
            if int(announced) > most:
                raise Refusal(413, f"{announced} bytes are more than {most}: post smaller batches, or set max_body")
            async for chunk in request.stream():
                if len(data) + len(chunk) > most:
                    raise Refusal(413, f"more than {most} bytes: post smaller batches, or set max_body")
                data += chunk
        finally:
            bucket.pay(len(data))

    async def _take(self, request: Request, source: str, data: bytes, arrived: float) -> tuple[Delivery, float]:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        # A long post takes some 20 ms, twice: between them others have their turn, however many posts come at once.
        async with self._one:
            await asyncio.sleep(0)
            body = bodies.parse(data, media_type)
            await asyncio.sleep(0)  # from here on it is one step, or two of the same batch would begin
            key = _key(request.headers.get("idempotency-key"), body.batch)
            mark = digest(data)
            known = self._deliveries.again(source, key, mark)
            if known is not None:
                return known, 0.0
            sent = _date(request.headers.get("date"))
            seen = observe(body.lines, self._desks[source], arrived, sent, self._settings.max_age)
            return self._deliveries.begin(source, key, mark, seen.observations, body.ignored), seen.error

    async def _stored(self, delivery: Delivery) -> None:
        ending = asyncio.ensure_future(self._ending.wait())
        try:
            either: set[asyncio.Future[Any]] = {delivery.done, ending}
            await asyncio.wait(either, timeout=self._settings.store_timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
        if not delivery.done.done():
            raise Refusal(503, "not stored yet: post it again with the same batch id", after=LATER)
        if not delivery.done.result():
            raise Refusal(503, "not stored: the gateway has no room for more reads now", after=LATER)

    def _refuse(self, refusal: Refusal, headers: Mapping[str, str] | None = None) -> Response:
        status = HTTPStatus(refusal.status)
        problem = Problem(status.phrase, refusal.status, refusal.detail, refusal.line)
        answer = self._answer(refusal.status, _encode(problem), "application/problem+json")
        answer.headers.update(headers or {})
        if refusal.after is not None:
            answer.headers["retry-after"] = str(max(1, math.ceil(refusal.after)))
        if status == HTTPStatus.UNAUTHORIZED:
            answer.headers["www-authenticate"] = 'Bearer, Basic realm="readpoint"'
        return answer

    def _answer(self, status: int, content: bytes, media_type: str) -> Response:
        # A source without a clock of its own can set it by this.
        return Response(content, status, {"date": formatdate(self._clock(), usegmt=True)}, media_type)


def _key(header: str | None, own: str | None) -> str | None:
    key = header if header is not None else own
    if key is not None and not (0 < len(key) <= _KEY and key.isascii() and key.isprintable()):
        raise Refusal(400, f"the batch id is not 1 to {_KEY} printable ASCII characters")
    return key


def _date(text: str | None) -> float | None:
    """IMF-fixdate (RFC 9110, section 5.6.7); other forms say nothing."""
    try:
        return datetime.strptime(text or "", "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _length(error: float) -> str:
    way = "behind" if error > 0 else "ahead"
    return f"{abs(error):.1f} s {way}"
