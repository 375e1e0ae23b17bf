"""Compiled loops of the ordered probit model; what holds in `kernels` holds here.

Numba's cache does not see changes of other files: nothing here calls anything there.
"""

# Numba has no types; arguments that belong together are described together.
# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# ruff: noqa: D417

from __future__ import annotations

import math

import numpy as np

from tastemap.training.compiled import kernel

_ROOT_HALF = math.sqrt(0.5)
_DENSITY = 1 / math.sqrt(2 * math.pi)


@kernel(part=True)
def inverse_normal(p):
    """Where the standard normal distribution function is ``p``, for 0 < p <= 1/2.

    Wichura 1988, "Algorithm AS 241: the percentage points of the normal distribution", PPND7:
    seven digits.

    Args:
        p: a number.
    """
    q = p - 0.5
    if q > -0.425:
        r = 0.180625 - q * q
        above = ((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179
        return q * above / (((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1.0)
    r = math.sqrt(-math.log(p))
    if r <= 5:
        r -= 1.6
        above = ((0.17023821103 * r + 1.3067284816) * r + 2.7568153900) * r + 1.4234372777
        return -above / ((0.12021132975 * r + 0.73700164250) * r + 1.0)
    r -= 5
    above = ((0.017337203997 * r + 0.42868294337) * r + 3.0812263860) * r + 6.6579051150
    return -above / ((0.012258202635 * r + 0.24197894225) * r + 1.0)


@kernel
def draw_latent(centers, classes, low, high, uniforms, out, first, last):
    """Draw what lies behind ratings ``first`` to ``last - 1``: normal, within a class's cuts.

    z = m + Φ⁻¹(Φ(a - m) + u (Φ(b - m) - Φ(a - m))), on the side where Φ is small and exact.

    Args:
        centers: m, shape (n,), float32.
        classes: which row of cuts each rating has, shape (n,), uint8 or int32.
        low, high: a and b of each class, shape (n_classes,), float64; may be infinite.
        uniforms: u, shape (n,), float32, from 0 up to but not 1.
        out: written, shape (n,), float32.
        first, last: range of ratings.
    """
    for n in range(first, last):
        a, b = low[classes[n]] - centers[n], high[classes[n]] - centers[n]
        u = uniforms[n] + 2.0**-25
        sign = -1.0 if a + b > 0 else 1.0
        if sign < 0:
            a, b, u = -b, -a, 1 - u
        below, above = math.erfc(-a * _ROOT_HALF) / 2, math.erfc(-b * _ROOT_HALF) / 2
        p = max(below + u * (above - below), 1e-300)
        z = inverse_normal(p) if p <= 0.5 else -inverse_normal(1 - p)
        # So far out that p was 0, and by rounding, z may be beyond the cuts.
        z = min(max(z, a), b)
        out[n] = centers[n] + sign * z


@kernel
def cut_likelihood(counts, grid, cuts, gradient, hessian):
    """Log-likelihood of cuts given where ratings lie, and its first two derivatives.

    Σ_c Σ_g counts[c, g] log(Φ(cuts[c] - grid[g]) - Φ(cuts[c - 1] - grid[g])), the outer cuts
    being infinite.

    Args:
        counts: ratings of each class at each place, shape (n_classes, n_places).
        grid: places, shape (n_places,).
        cuts: rising, shape (n_classes - 1,).
        gradient: written, shape (n_classes - 1,).
        hessian: written, shape (n_classes - 1, n_classes - 1).

    Returns:
        The log-likelihood; -inf where cuts do not rise.
    """
    n = cuts.shape[0]
    gradient[:] = 0.0
    hessian[:] = 0.0
    total = 0.0
    for c in range(n + 1):
        for g in range(grid.shape[0]):
            count = counts[c, g]
            if count == 0:
                continue
            a = cuts[c - 1] - grid[g] if c > 0 else -np.inf
            b = cuts[c] - grid[g] if c < n else np.inf
            if not b > a:
                return -np.inf
            at, to = (-b, -a) if a + b > 0 else (a, b)
            chance = (math.erfc(-to * _ROOT_HALF) - math.erfc(-at * _ROOT_HALF)) / 2
            chance = max(chance, 1e-300)
            total += count * math.log(chance)
            down = _DENSITY * math.exp(-a * a / 2) / chance if c > 0 else 0.0
            up = _DENSITY * math.exp(-b * b / 2) / chance if c < n else 0.0
            if c > 0:
                gradient[c - 1] -= count * down
                hessian[c - 1, c - 1] += count * (a * down - down * down)
            if c < n:
                gradient[c] += count * up
                hessian[c, c] += count * (-b * up - up * up)
            if 0 < c < n:
                hessian[c, c - 1] += count * up * down
                hessian[c - 1, c] += count * up * down
    return total
