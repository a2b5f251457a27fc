"""When the uplink tries again, and what it makes of short connections."""

from __future__ import annotations

from gateway.config.site import Uplink
from gateway.uplink.policy import SMALLEST, Portion, Reconnecting, retry_delay, shares

SETTINGS = Uplink("broker", 8883)


def test_an_unreachable_broker_is_found_within_two_seconds_however_long_it_was_away() -> None:
    reconnecting = Reconnecting(SETTINGS, lambda: 0.999)
    assert max(reconnecting.failed("unreachable") for _ in range(50)) <= 1.5


def test_a_refusal_is_repeated_ever_more_rarely() -> None:
    reconnecting = Reconnecting(SETTINGS, lambda: 1.0)
    assert [reconnecting.failed("refused") for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_no_pause_is_longer_than_configured() -> None:
    impatient = Reconnecting(Uplink("broker", 8883, backoff_max=0.7), lambda: 1.0)
    assert [impatient.failed("refused"), impatient.failed("unreachable")] == [0.5, 0.7]
    assert impatient.ended(60.0, by_peer=True) == 0.7


def test_delays_are_spread_over_half_their_length() -> None:
    assert Reconnecting(SETTINGS, lambda: 0.0).failed("refused") == SETTINGS.backoff_min / 2


def test_three_short_connections_mean_another_box() -> None:
    reconnecting = Reconnecting(SETTINGS, lambda: 1.0)
    for _ in range(2):
        assert reconnecting.ended(0.1, by_peer=True) < 2
        assert not reconnecting.taken_over
    assert reconnecting.ended(9.9, by_peer=True) == SETTINGS.takeover_backoff
    assert reconnecting.taken_over
    assert reconnecting.ended(0.1, by_peer=True) == SETTINGS.takeover_backoff
    reconnecting.settled()
    assert not reconnecting.taken_over


def test_what_ended_otherwise_accuses_nobody() -> None:
    for innocent in (
        lambda one: one.ended(10.0, by_peer=True),
        lambda one: one.ended(1.0, by_peer=False),
        lambda one: one.failed("unreachable"),
    ):
        reconnecting = Reconnecting(SETTINGS, lambda: 1.0)
        for _ in range(4):
            reconnecting.ended(0.1, by_peer=True)
            innocent(reconnecting)
            reconnecting.ended(0.1, by_peer=True)
            assert not reconnecting.taken_over
            innocent(reconnecting)


def test_refused_publications_are_retried_at_most_as_rarely_as_configured() -> None:
    delays = [retry_delay(SETTINGS, attempts, 1.0) for attempts in range(6)]
    assert delays == [0.5, 1, 2, 4, 5, 5]


def test_lanes_share_the_window_only_while_both_wait() -> None:
    assert shares(20, live=True, historical=True) == {"live": 10, "historical": 10}
    assert shares(20, live=True, historical=False)["live"] == 20
    assert shares(20, live=False, historical=True)["historical"] == 20
    assert shares(1, live=True, historical=True) == {"live": 1, "historical": 1}


def test_publications_shrink_on_a_line_that_is_slow_or_dead_and_grow_on_one_that_is_not() -> None:
    portion = Portion(100_000)
    for halves in (50_000, 25_000):
        portion.fit(4.1)
        assert portion.now == halves
    portion.fit(2.0)
    assert portion.now == 25_000
    for _ in range(9):
        portion.halve()
    assert portion.now == SMALLEST
    for _ in range(9):
        portion.fit(0.1)
    assert portion.now == 100_000
