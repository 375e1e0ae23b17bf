"""Token buckets, against one that counts its tokens."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tastemap.web.security.rates import RateLimiter


class Counted:
    """A token bucket as the books have it."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst, self.tokens, self.at = rate, burst, burst, 0.0

    def take(self, now: float) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


# Sixteenths, so that no sum is rounded.
@given(
    st.sampled_from([0.25, 1.0, 2.0, 8.0]),
    st.integers(1, 10),
    st.lists(st.integers(0, 64), max_size=200),
)
def test_it_is_a_token_bucket(rate: float, burst: int, pauses: list[int]) -> None:
    now = 0.0
    ours = RateLimiter(rate, burst, clock=lambda: now)
    theirs = Counted(rate, burst)
    for pause in pauses:
        now += pause / 16
        assert (ours.wait("somebody") == 0) == theirs.take(now)


def test_it_says_how_long_to_wait_and_is_right() -> None:
    now = 0.0
    limiter = RateLimiter(0.5, 2, clock=lambda: now)
    assert [limiter.wait("a"), limiter.wait("a")] == [0, 0]
    wait = limiter.wait("a")
    assert wait == 2
    now += wait
    assert limiter.wait("a") == 0
    assert limiter.wait("b") == 0


def test_memory_is_bounded_and_who_comes_often_is_not_forgotten() -> None:
    limiter = RateLimiter(0.001, 3, clients=100, clock=lambda: 0.0)
    for number in range(5000):
        limiter.wait(f"address {number}")
        if number % 50 == 0:
            limiter.wait("busy")
    assert len(limiter._full) == 100
    assert limiter.wait("busy") > 0
