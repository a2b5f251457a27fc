"""Who posts, how fast, once: the parts of the HTTP driver that know no socket."""

from __future__ import annotations

import base64

import pytest

from drivers.contract import Batch, Read
from drivers.http.complaints import PAUSE, Complaints
from drivers.http.deliveries import POSTS, READS, Deliveries, digest
from drivers.http.rate import SPAN, Bucket
from drivers.http.refusal import Refusal
from drivers.http.sources import Known, shown, who
from drivers.http.sources import digest as hashed

TOKEN = "0123456789abcdef"
KNOWN = {
    "gun-1": Known(hashed(TOKEN), None),
    "gun-2": Known(None, "gun-2.dc1"),
    "gun-3": Known(hashed("another-token-of-3"), "gun-3.dc1"),
}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "name", "source"),
    [
        (f"Bearer {TOKEN}", None, "gun-1"),
        (f"bearer  {TOKEN} ", None, "gun-1"),
        (basic("any", TOKEN), None, "gun-1"),
        (None, "gun-2.dc1", "gun-2"),
        ("Bearer another-token-of-3", "gun-3.dc1", "gun-3"),
    ],
)
def test_who_is_told_by_what_is_shown(authorization: str | None, name: str | None, source: str) -> None:
    assert who(KNOWN, authorization, name) == source


@pytest.mark.parametrize(
    ("authorization", "name", "status"),
    [
        (None, None, 401),
        ("", None, 401),
        ("Bearer", None, 401),
        ("Bearer wrong", None, 401),
        ("Bearer ÿ", None, 401),
        ("Basic !!", None, 401),
        (basic("gun-1", ""), None, 401),
        ("Digest x", None, 401),
        (None, "gun-9.dc1", 403),
        (None, "gun-3.dc1", 403),
        ("Bearer another-token-of-3", None, 403),
    ],
)
def test_who_shows_too_little_stays_out(authorization: str | None, name: str | None, status: int) -> None:
    with pytest.raises(Refusal) as refusal:
        who(KNOWN, authorization, name)
    assert refusal.value.status == status
    assert TOKEN not in refusal.value.detail


def test_a_password_may_have_colons() -> None:
    assert shown(basic("r700", "a:b:c")) == "a:b:c"


def test_a_bucket_lets_its_rate_through_and_says_how_long_to_wait() -> None:
    bucket = Bucket(10.0, 0.0)
    taken = 0
    for tick in range(2000):  # 20 s, a post of one read every 10 ms
        if bucket.wait(tick / 100) == 0:
            bucket.pay(60)
            taken += 1
    assert taken == pytest.approx(10 * SPAN + 20 * 10, abs=2)
    wait = bucket.wait(20.0)
    assert bucket.wait(20.0 + wait) == pytest.approx(0, abs=1e-9)


def test_a_large_body_is_paid_for_but_not_for_ever() -> None:
    bucket = Bucket(0.01, 0.0)
    bucket.pay(2**24)
    assert 0 < bucket.wait(0.0) <= 100 * 101


def reads(count: int) -> list[Read]:
    return [Read("code", b"1", 1.0)] * count


async def test_a_batch_is_given_once_and_told_to_all_who_sent_it() -> None:
    given: list[Batch] = []
    deliveries = Deliveries(given.append, remember=10)
    first = deliveries.begin("gun", "b-1", digest(b"x"), reads(2), 1)
    assert deliveries.again("gun", "b-1", digest(b"x")) is first
    assert deliveries.again("other", "b-1", digest(b"x")) is None
    assert not first.done.done()
    assert given[0].stored is not None
    given[0].stored()
    assert first.done.result()
    assert deliveries.again("gun", "b-1", digest(b"x")) is first
    assert len(given) == 1
    with pytest.raises(Refusal, match="other content") as refusal:
        deliveries.again("gun", "b-1", digest(b"y"))
    assert refusal.value.status == 422


async def test_a_batch_that_was_shed_may_come_again() -> None:
    given: list[Batch] = []
    deliveries = Deliveries(given.append, remember=10)
    first = deliveries.begin("gun", "b-1", digest(b"x"), reads(2), 0)
    assert given[0].shed is not None
    given[0].shed()
    assert first.done.result() is False
    assert deliveries.again("gun", "b-1", digest(b"x")) is None


async def test_what_is_remembered_is_bounded_and_what_is_on_its_way_stays() -> None:
    given: list[Batch] = []
    deliveries = Deliveries(given.append, remember=3)
    waiting = deliveries.begin("gun", "slow", digest(b"slow"), reads(1), 0)
    for number in range(100):
        deliveries.begin("gun", f"b-{number}", digest(b"x"), reads(1), 0)
        stored = given[-1].stored
        assert stored is not None
        stored()
    known = [f"b-{number}" for number in range(100) if deliveries.again("gun", f"b-{number}", digest(b"x"))]
    assert known == ["b-98", "b-99"]
    assert deliveries.again("gun", "slow", digest(b"slow")) is waiting


async def test_more_than_the_disk_takes_is_refused_not_queued() -> None:
    given: list[Batch] = []
    deliveries = Deliveries(given.append, remember=3)
    deliveries.begin("gun", None, b"", reads(READS + 1), 0)  # alone, a post may be of any size
    with pytest.raises(Refusal) as refusal:
        deliveries.begin("gun", None, b"", reads(1), 0)
    assert (refusal.value.status, bool(refusal.value.after)) == (503, True)
    stored = given[0].stored
    assert stored is not None
    stored()
    for _ in range(POSTS):
        deliveries.begin("gun", None, b"", reads(1), 0)
    with pytest.raises(Refusal):
        deliveries.begin("gun", None, b"", reads(1), 0)


def test_complaints_show_the_last_bad_bytes_now_and_then() -> None:
    complaints = Complaints("listens")
    first = complaints.bad("gun-1: no line", b"\x00\xffabc" + b"z" * 999, 100.0)
    assert first is not None
    assert first.state == "degraded"
    assert "00 ff 61 62 63" in first.cause
    assert len(first.cause) < 200
    assert complaints.bad("again", b"", 101.0) is None
    assert complaints.fine(102.0) is None
    back = complaints.fine(100.0 + PAUSE)
    assert back is not None
    assert (back.state, back.cause) == ("online", "listens")
    assert complaints.refused == 2
