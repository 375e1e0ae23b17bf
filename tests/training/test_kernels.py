"""Every kernel against its naive twin."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

pytest.importorskip("numba")

from tastemap.training import kernels, kernels_lists, kernels_passes, solver_settings
from tastemap.training.kernels import STRIDE
from tastemap.training.rows import Other, Prior, RowRatings, Solved
from tests import oracles

SOURCE = Path(kernels.__file__)
F = np.float32
# The first example compiles.
relaxed = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@pytest.fixture(scope="module")
def twins() -> set[str]:
    tree = ast.parse(Path(str(oracles.__file__)).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def compiled(path: Path) -> set[str]:
    """Names of the functions of a file that Numba compiles."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            decorators = [ast.unparse(one) for one in node.decorator_list]
            if any("njit" in one or "numba" in one or "kernel" in one for one in decorators):
                names.add(node.name)
    return names


def test_every_kernel_is_in_a_file_of_kernels_and_has_a_twin(twins: set[str]) -> None:
    sources = sorted(SOURCE.parent.glob("kernels*.py"))
    assert len(sources) == 5
    assert len(compiled(SOURCE)) >= 8
    for path in SOURCE.parents[1].rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path in sources:
            assert compiled(path) <= twins
            # Nor do they call one another: Numba's cache does not see changes of other files.
            assert set(re.findall(r"^(?:from|import) (tastemap[.\w]*)", text, re.MULTILINE)) == {
                "tastemap.training.compiled"
            }
        elif path.name != "compiled.py":
            assert not compiled(path), path
            assert "import numba" not in text, path
            assert "from numba" not in text, path


Problem = tuple[RowRatings, Other, Prior]


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array


def make_problem(
    seed: int,
    lengths: list[int],
    k: int,
    *,
    n_others: int = 12,
    weighted: bool = False,
    spread: bool = False,
    coded: bool = True,
    intercept: float = 1.0,
    own_mean: bool = False,
    plain: bool = False,
) -> Problem:
    chance = np.random.default_rng(seed)
    n = sum(lengths)
    start = np.concatenate([[0], np.cumsum(np.array(lengths, np.int64))])
    values = chance.integers(0, 10, n)
    ratings = RowRatings(
        frozen(start),
        frozen(chance.integers(0, n_others, n).astype(np.int32)),
        frozen(values.astype(np.uint8) if coded else (values / 2 - 3).astype(F)),
        frozen(np.sqrt(chance.uniform(0.2, 3, n if weighted else 0)).astype(F)),
        F(0.5) if coded else F(1),
        F(-3) if coded else F(0),
    )
    factors = (chance.standard_normal((n_others, k + 1)) * 0.5).astype(F)
    variance = chance.uniform(0, 0.3, (n_others if spread else 0, k + 1)).astype(F)
    root = chance.standard_normal((k + 1, k + 1)) * 0.3
    prior = Prior(
        (root @ root.T + np.eye(k + 1) * 2).astype(F),
        (chance.standard_normal((len(lengths) if own_mean else 1, k + 1))).astype(F),
        chance.uniform(0.5, 2, len(lengths)).astype(F),
        F(1.3),
    )
    if plain:  # a prior mean of 0, and coordinates that are independent
        precision = np.diag(np.diag(prior.precision))
        prior = prior._replace(precision=precision, linear=np.zeros((1, k + 1), F))
    return ratings, Other(factors, variance, F(intercept)), prior


problems = st.builds(
    make_problem,
    st.integers(0, 10_000),
    st.lists(st.sampled_from([0, 0, 1, 2, 3, 4, 5, 9, 30]), min_size=1, max_size=6),
    st.sampled_from([1, 2, 3, 4, 5, 7, 8, 16, 17]),
    weighted=st.booleans(),
    spread=st.booleans(),
    coded=st.booleans(),
    intercept=st.sampled_from([1.0, 0.0]),
    own_mean=st.booleans(),
    plain=st.booleans(),
)


def close(found: NDArray[Any], expected: NDArray[Any]) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def scratch(rows: int = 4) -> NDArray[np.float32]:
    return np.zeros(rows * STRIDE, F)


@relaxed
@given(problems)
def test_normal_equations_and_their_factor(problem: Problem) -> None:
    ratings, other, prior = problem
    k = other.factors.shape[1] - 1
    at = oracles.places(k)
    bias = at[-1]
    for row in range(len(ratings.start) - 1):
        a, b, square = oracles.normal_equations(ratings, other, prior, row)
        triangle = scratch(bias + 4)
        spread = np.zeros(k + 1, F)
        kernels.normal_equations(ratings, other, prior, row, triangle, scratch(), spread)
        found = triangle.reshape(-1, STRIDE)
        close(np.tril(found[np.ix_(at, at)]), np.tril(a))
        close(found[bias + 1, at], b)
        close(found[bias + 1, bias + 1], square)

        lower, forward, left = oracles.factorise(a, b, square)
        kernels.factorise(triangle, bias, scratch(), scratch())
        found = triangle.reshape(-1, STRIDE)
        close(np.tril(found[np.ix_(at, at)], -1), np.tril(lower, -1))
        close(1 / found[at, at], np.diag(lower))
        close(found[bias + 1, at], forward)
        close(found[bias + 1, bias + 1], left)

        diagonal = np.zeros(bias + 1, F)
        kernels.inverse_diagonal(triangle, bias, scratch(bias + 4), scratch(), diagonal)
        close(diagonal[at], oracles.inverse_diagonal(a))


def room(n_rows: int, width: int, *, means: bool = True, variance: bool = True) -> Solved:
    """Arrays for the solvers to write, all zero."""
    return Solved(
        np.zeros((n_rows, width), F),
        np.zeros((n_rows if means else 0, width), F),
        np.zeros((n_rows if variance else 0, width), F),
        np.zeros(n_rows, F),
    )


@relaxed
@given(problems, st.booleans(), st.booleans(), st.booleans())
def test_solving_and_drawing(problem: Problem, draw: bool, means: bool, variance: bool) -> None:
    ratings, other, prior = problem
    n_rows, width = len(ratings.start) - 1, other.factors.shape[1]
    normals = np.random.default_rng(0).standard_normal((n_rows if draw else 0, width), F)
    expected = oracles.solve_rows(ratings, other, prior, normals)
    solved = room(n_rows, width, means=means, variance=variance)
    kernels.solve_rows(ratings, other, prior, normals, solved, 0, n_rows)
    for name, found in solved._asdict().items():
        if len(found):
            close(found, expected[name])


def test_a_row_of_few_ratings_is_solved_in_their_space() -> None:
    ratings, other, prior = make_problem(3, [5, 0, 8], 16, spread=True, weighted=True, plain=True)
    nothing = np.zeros((0, 17), F)
    expected = oracles.solve_rows(ratings, other, prior, nothing)
    for row, n in ((0, 5), (1, 0), (2, 8)):
        solved = room(3, 17, means=False)
        z, gram, target = np.empty((n + 1, 17), F), np.empty((n, n), F), np.empty(n, F)
        kernels.solve_short_row(ratings, other, prior, row, z, gram, target, solved)
        for name in ("factors", "variance", "objective"):
            close(getattr(solved, name)[row], expected[name][row])
        twin = oracles.solve_short_row(ratings, other, prior, row)
        for found, mine in zip(twin, ("factors", "variance", "objective"), strict=True):
            close(np.asarray(found), expected[mine][row])


@relaxed
@given(problems, st.integers(0, 5))
def test_solving_without_negative_factors(problem: Problem, passes: int) -> None:
    ratings, other, prior = problem
    n_rows, width = len(ratings.start) - 1, other.factors.shape[1]
    begin = np.abs(np.random.default_rng(0).standard_normal((n_rows, width), F))
    expected = oracles.solve_rows_nonnegative(ratings, other, prior, passes, begin)
    solved = room(n_rows, width)._replace(factors=begin)
    kernels.solve_rows_nonnegative(ratings, other, prior, passes, solved, 0, n_rows)
    close(solved.factors, expected[0])
    close(solved.objective, expected[1])
    assert passes == 0 or np.all(solved.factors[:, :-1] >= 0)


@relaxed
@given(st.integers(0, 1000), st.integers(0, 5), st.integers(1, 5), st.integers(0, 3), st.booleans())
def test_add_products(seed: int, begin: int, rows: int, first: int, narrow: bool) -> None:
    chance = np.random.default_rng(seed)
    out, left, right = (chance.standard_normal(n * STRIDE).astype(F) for n in (48, 4, 4))
    limit = 16 if narrow else STRIDE
    arguments = (4 * begin, 4 * (begin + rows), min(8 * first, begin // 2 * 8), limit)
    expected = oracles.add_products(out, left, right, *arguments)
    kernels.add_products(out, left, right, *arguments)
    close(out, expected)


@relaxed
@given(st.lists(st.integers(0, 4), max_size=40), st.booleans())
def test_group_rows(rows: list[int], wanted: bool) -> None:
    codes = frozen(np.array(rows, np.int32))
    others = frozen(np.arange(len(rows), dtype=np.int32)[::-1].copy())
    values = frozen((np.arange(len(rows)) % 7).astype(np.uint8))
    counts = np.bincount(codes, minlength=6)
    begins = np.cumsum(counts) - counts
    columns, grouped = np.zeros_like(others), np.zeros_like(values)
    sources = np.zeros(len(rows) if wanted else 0, np.int64)
    kernels_passes.group_rows(codes, others, values, begins, columns, grouped, sources)
    expected = oracles.group_rows(codes, others, values)
    np.testing.assert_array_equal(columns, expected[0])
    np.testing.assert_array_equal(grouped, expected[1])
    np.testing.assert_array_equal(begins, np.cumsum(counts))
    if wanted:
        np.testing.assert_array_equal(sources, expected[2])


@relaxed
@given(st.integers(0, 1000), st.integers(1, 20), st.integers(0, 30))
def test_predict_pairs(seed: int, k: int, n: int) -> None:
    chance = np.random.default_rng(seed)
    p = chance.standard_normal((7, k + 1)).astype(F)
    q = chance.standard_normal((5, k + 1)).astype(F)
    users = frozen(chance.integers(0, 7, n).astype(np.int32))
    items = frozen(chance.integers(0, 5, n).astype(np.int32))
    out = np.zeros(n, F)
    kernels_passes.predict_pairs(users, items, p, q, F(3.5), out, 0, n)
    close(out, oracles.predict_pairs(users, items, p, q, 3.5))


@relaxed
@given(problems, st.integers(1, 20))
def test_residual_products(problem: Problem, k: int) -> None:
    ratings, other = problem[0], problem[1]
    chance = np.random.default_rng(k)
    n_rows, n_other = len(ratings.start) - 1, len(other.factors)
    own, theirs = chance.standard_normal(n_rows).astype(F), other.factors[:, -1].copy()
    x = chance.standard_normal((n_other, k)).astype(F)
    out = np.full((n_rows, k), 9, F)
    kernels_passes.residual_products(ratings, theirs, own, x, out, 0, n_rows)
    close(out, oracles.residual_products(ratings, theirs, own, x))


@relaxed
@given(st.integers(0, 1000), st.integers(1, 9), st.integers(1, 12))
def test_draw_coefficients(seed: int, n_rows: int, n_features: int) -> None:
    chance = np.random.default_rng(seed)
    lists = [
        chance.permutation(n_rows)[: chance.integers(0, n_rows + 1)] for _ in range(n_features)
    ]
    start = frozen(np.concatenate([[0], np.cumsum([len(one) for one in lists])]))
    rows = frozen(np.concatenate(lists).astype(np.int32))
    roots = chance.uniform(0.1, 1, n_rows).astype(F)
    ridge = chance.uniform(0.5, 30, kernels_passes.GROUP).astype(F)
    rest = chance.standard_normal((n_rows, kernels_passes.GROUP)).astype(F)
    coefficients, normals = chance.standard_normal((2, n_features, kernels_passes.GROUP)).astype(F)
    left, drawn = oracles.draw_coefficients(start, rows, roots, ridge, rest, coefficients, normals)
    flat = rest.ravel(), coefficients.ravel()
    kernels_passes.draw_coefficients(start, rows, roots, ridge, *flat, normals.ravel())
    close(flat[0].reshape(rest.shape), left)
    close(flat[1].reshape(drawn.shape), drawn)


def test_a_row_of_many_ratings_keeps_its_precision() -> None:
    ratings, other, prior = make_problem(3, [100_000], 8, n_others=500)
    solved = room(1, 9)
    kernels.solve_rows(ratings, other, prior, np.zeros((0, 9), F), solved, 0, 1)
    expected = oracles.solve_rows(ratings, other, prior, np.zeros((0, 9)))
    close(solved.factors, expected["factors"])
    np.testing.assert_allclose(solved.variance, expected["variance"], rtol=1e-3)
    np.testing.assert_allclose(solved.objective, expected["objective"], rtol=1e-4)


def test_settings_know_how_many_factors_there_may_be() -> None:
    assert solver_settings.MAX_FACTORS == kernels.MAX_FACTORS


@pytest.mark.parametrize("k", [64, kernels.MAX_FACTORS])
def test_as_many_factors_as_there_may_be(k: int) -> None:
    ratings, other, prior = make_problem(1, [40, 0, 3], k)
    solved = room(3, k + 1)
    kernels.solve_rows(ratings, other, prior, np.zeros((0, k + 1), F), solved, 0, 3)
    expected = oracles.solve_rows(ratings, other, prior, np.zeros((0, k + 1)))
    close(solved.factors, expected["factors"])
    close(solved.variance, expected["variance"])


@pytest.mark.parametrize("k", [1, 4, 6])
def test_a_failed_pivot_spoils_its_row_only(k: int) -> None:
    ratings, other, prior = make_problem(2, [6, 0, 6], k)
    prior.precision[:] = 0
    prior.linear[:] = 1
    prior.scale[[0, 2]] = 1
    prior.precision[range(k + 1), range(k + 1)] = 1
    prior.scale[1] = 0  # nothing known, nothing rated: A = 0
    solved = room(3, k + 1)
    kernels.solve_rows(ratings, other, prior, np.zeros((0, k + 1), F), solved, 0, 3)
    without = room(3, k + 1, means=False)
    prior.linear[:] = 0  # in the space of the ratings, where they are few
    kernels.solve_rows(ratings, other, prior, np.zeros((0, k + 1), F), without, 0, 3)
    for array in (*solved, *without):
        if len(array):
            assert np.all(np.isnan(array[1]))
            assert np.all(np.isfinite(array[[0, 2]]))


@relaxed
@given(
    st.integers(0, 2**32 - 1), st.integers(0, 4), st.integers(1, 600), st.integers(1, 30),
    st.sampled_from([3, 1000]),
)  # fmt: skip
def test_the_best_unseen(seed: int, rows: int, width: int, n: int, different: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, different, (rows, width)).astype(F)  # with many equal ones
    scores[rng.random(scores.shape) < 0.1] = np.nan
    scores[rng.random(scores.shape) < 0.1] = -np.inf
    users = rng.integers(-1, 5, rows).astype(np.int32)
    start = np.concatenate([[0], np.cumsum(rng.integers(0, width, 5))]).astype(np.int64)
    columns = rng.integers(0, width, start[-1]).astype(np.int32)
    left_out = rng.integers(0, width, rng.integers(0, 3))
    expected = oracles.best_unseen(scores, users, start, columns, left_out, n)
    items, values = np.empty((rows, n), np.int32), np.empty((rows, n), F)
    kernels_lists.best_unseen(scores, users, start, columns, left_out, items, values)
    np.testing.assert_array_equal(items, expected)
    there = items >= 0
    np.testing.assert_array_equal(values[there], scores[np.nonzero(there)[0], items[there]])
    assert np.all(values[~there] == -np.inf)


def test_kernels_work_where_no_cache_can_be_written(tmp_path: Path) -> None:
    program = (
        "import numba.core.caching as caching\n"
        "caching.CacheImpl._locator_classes = []\n"
        "import numpy as np\n"
        "from tastemap.training import kernels_passes\n"
        "out = np.zeros(1, np.float32)\n"
        "codes = np.zeros(1, np.int32)\n"
        "side = np.ones((1, 3), np.float32)\n"
        "kernels_passes.predict_pairs(codes, codes, side, side, np.float32(2), out, 0, 1)\n"
        "assert out[0] == 6, out\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE.parents[2])}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_process_that_compiles_and_one_that_loads_what_it_compiled_get_the_same_bits(
    tmp_path: Path,
) -> None:
    program = (
        "import hashlib\n"
        "import tastemap as tm\n"
        "from tastemap.data.synthetic import synthetic_ratings\n"
        "ratings = synthetic_ratings(80, 60, 2000, seed=1).ratings\n"
        "few = dict(factors=6, sweeps=4, burn_in=2, draws=2, calibration=0)\n"
        "for recipe in (tm.BiasedMF(solver='als', factors=6), tm.BayesianMF(**few),\n"
        "               tm.BayesianMF(likelihood='ordinal', **few)):\n"
        "    factors = recipe.fit(ratings).model.item_vectors()\n"
        "    print(hashlib.sha256(factors.tobytes()).hexdigest())\n"
    )
    environment = {
        **os.environ, "PYTHONPATH": str(SOURCE.parents[2]), "NUMBA_CACHE_DIR": str(tmp_path),
    }  # fmt: skip
    compiling, loading = (
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True, text=True, env=environment, check=True, timeout=300,
        ).stdout
        for _ in range(2)
    )  # fmt: skip
    assert list(tmp_path.rglob("*.nbc"))
    assert len(set(compiling.split())) == 3
    assert loading == compiling


def test_making_a_recipe_loads_no_compiler() -> None:
    program = (
        "import sys\n"
        "from tastemap.training.bayesian import BayesianMF\n"
        "from tastemap.models.posterior import PosteriorModel\n"
        "BayesianMF()\n"
        "assert not {'numba', 'llvmlite'} & set(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE.parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.returncode == 0, done.stderr
