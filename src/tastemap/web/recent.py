"""What was worked out lately, to be given again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A dictionary that forgets what was not asked for longest; for all threads.

    Args:
        size: how much it holds.
        weigh: how much a value counts of that; None: each counts 1.
    """

    def __init__(self, size: int, weigh: Callable[[V], int] | None = None) -> None:
        self._size, self._weigh, self._lock = size, weigh or (lambda _: 1), threading.Lock()
        self._held: OrderedDict[K, V] = OrderedDict()
        self._weight = 0

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: K) -> V | None:
        """What is held for a key; None: nothing."""
        with self._lock:
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
            return found

    def put(self, key: K, value: V) -> None:
        """Hold a value, unless it is too heavy by itself."""
        with self._lock:
            before = self._held.pop(key, None)
            if before is not None:
                self._weight -= self._weigh(before)
            self._held[key] = value
            self._weight += self._weigh(value)
            while self._weight > self._size:
                _, oldest = self._held.popitem(last=False)
                self._weight -= self._weigh(oldest)
