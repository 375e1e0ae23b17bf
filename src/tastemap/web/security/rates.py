"""How often somebody may ask: a token bucket each, in bounded memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable


class RateLimiter:
    """A token bucket for each client.

    A bucket holds ``burst`` tokens and gets ``rate`` new ones a second; a request takes one. It is
    kept as one number, the time at which the bucket is full again (Turner's leaky bucket as a
    meter, known as GCRA).

    Args:
        rate: tokens a second.
        burst: tokens of a full bucket.
        clients: buckets kept at most. Beyond, the one not used for longest is forgotten: whoever
            has that many addresses gets more than one bucket's worth, but no more memory.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        rate: float,
        burst: float,
        *,
        clients: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.interval, self.room = 1 / rate, burst / rate
        self.clients, self.clock = clients, clock
        self._full: OrderedDict[str, float] = OrderedDict()

    def wait(self, client: str) -> float:
        """Take a token.

        Returns:
            0 if there was one, otherwise the seconds until there is.
        """
        now = self.clock()
        full = max(self._full.get(client, now), now) + self.interval
        wait = full - now - self.room
        # Rounding must not cost the last token of a bucket.
        if wait > 1e-9:
            return wait
        self._full[client] = full
        self._full.move_to_end(client)
        if len(self._full) > self.clients:
            self._full.popitem(last=False)
        return 0.0
