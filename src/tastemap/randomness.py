"""Named streams of random numbers from one seed.

Each use of chance takes its own stream by name, so that adding a draw in one place does not
move the draws of another, and one ``seed`` rules every library.
"""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, name: str) -> np.random.Generator:
    """Make the generator for one named use.

    Args:
        seed: a non-negative integer.
        name: what the numbers are for, such as ``"adam/shuffle/epoch-3"``.

    Returns:
        A generator that depends on ``seed`` and ``name`` alone.
    """
    return np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(name.encode())]))
