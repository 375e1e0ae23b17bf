"""The data sets by name, split and in random order, as .npy files in .cache/data.

``bundled`` is the notebook's split of the bundled ratings, ``ml-100k-1`` to ``-5`` the published
folds of MovieLens 100K, and the names of `tastemap.data.synthetic.SIZES` are drawn from a known
model, with a tenth of the rows to test on. ``NAME-inner`` takes the training rows of NAME alone
and holds a fifth of them out: what settings are chosen on.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from run_peer import Rows, load_rows

import tastemap as tm
from tastemap.arrays import AnyArray
from tastemap.data.catalog import Catalog
from tastemap.data.ratings import Ratings
from tastemap.data.synthetic import SIZES, SyntheticModel, synthetic_ratings
from tastemap.data.vocabulary import Vocabulary

CACHE = Path(__file__).parent / ".cache"
FOLDS = tuple(f"ml-100k-{fold}" for fold in range(1, 6))
NAMES = ("bundled", "ml-100k", *SIZES)
INNER = "-inner"


def parts(name: str) -> tuple[str, ...]:
    """The data sets that one name stands for."""
    return FOLDS if name == "ml-100k" else (name,)


def folder_of(name: str, ml_100k: Path | None = None) -> Path:
    """The folder of a data set, which is made first when it is not there.

    Raises:
        FileNotFoundError: MovieLens 100K is wanted and ``ml_100k`` does not hold it.
    """
    drawn_from = repr((SIZES[name], SyntheticModel())) if name in SIZES else ""
    version = hashlib.sha256(drawn_from.encode()).hexdigest()[:8] if drawn_from else "real"
    folder = CACHE / "data" / f"{name}-{version}"
    if not (folder / "about.json").exists():
        print(f"making the data set {name}", flush=True)
        if name.endswith(INNER):
            _write_inner(folder, folder_of(name.removesuffix(INNER), ml_100k))
        elif name in FOLDS:
            _write_fold(folder, name[-1], ml_100k)
        elif name in SIZES:
            _write_synthetic(folder, name)
        else:
            ratings = tm.load_dataset("movielens-small")
            split = tm.split.random(ratings, valid_fraction=0.2, seed=42)
            _write(folder, split.train, split.valid, {})
    return folder


def _write_synthetic(folder: Path, name: str) -> None:
    made = synthetic_ratings(*SIZES[name])
    ratings, n = made.ratings, len(made.ratings)
    order = np.random.default_rng(1).permutation(np.arange(n, dtype=np.int32))
    test, train = order[: n // 10], order[n // 10 :]
    difference = made.expected[test].astype(np.float64) - ratings.values[test]
    about = {"floor": float(np.sqrt(np.mean(difference**2)))}
    _write(folder, ratings.take(train), ratings.take(test), about, shuffled=True)


def _write_fold(folder: Path, fold: str, ml_100k: Path | None) -> None:
    if ml_100k is None or not (ml_100k / f"u{fold}.base").exists():
        raise FileNotFoundError(f"u{fold}.base of MovieLens 100K is not in {ml_100k}")
    columns = {
        part: np.loadtxt(ml_100k / f"u{fold}.{end}", dtype=np.int64)
        for part, end in (("train", "base"), ("test", "test"))
    }
    both = np.concatenate(list(columns.values()))
    n_users, n_items = both[:, 0].max(), both[:, 1].max()
    train, test = (
        as_ratings(
            Rows(one[:, 0] - 1, one[:, 1] - 1, one[:, 2], one[:, 3], int(n_users), int(n_items))
        )
        for one in columns.values()
    )
    _write(folder, train, test, {})


def _write_inner(folder: Path, outer: Path) -> None:
    train = load_rows(outer, "train")
    inner = np.random.default_rng(3).random(len(train.values)) < 0.8
    train_rows, test_rows = (as_ratings(train.take(rows)) for rows in (inner, ~inner))
    _write(folder, train_rows, test_rows, {}, shuffled=True)


def _write(
    folder: Path,
    train: Ratings,
    test: Ratings,
    about: dict[str, float],
    *,
    shuffled: bool = False,
) -> None:
    """Write both parts, and the fallback for test rows whose user or item is not in training."""
    folder.mkdir(parents=True, exist_ok=True)
    if not shuffled:
        train = train.take(np.random.default_rng(2).permutation(len(train)))
    content = hashlib.sha256()
    for part, ratings in (("train", train), ("test", test)):
        for name in ("users", "items", "values", "times"):
            column: AnyArray | None = getattr(ratings, name)
            if column is not None:
                np.save(folder / f"{part}_{name}.npy", column)
                content.update(np.ascontiguousarray(column).data)
    biases = tm.BiasesOnly().fit(train)
    np.save(folder / "fallback.npy", biases.predict_codes(test.users, test.items).values)
    described = about | {
        "n_users": train.n_users,
        "n_items": train.n_items,
        "n_train": len(train),
        "n_test": len(test),
        "scale": train.scale,
        "content": content.hexdigest(),
    }
    (folder / "about.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


def as_ratings(rows: Rows) -> Ratings:
    """The same rows, with codes counted from 1 as ids."""
    user_ids = Vocabulary(np.arange(1, rows.n_users + 1).tolist(), "user")
    item_ids = Vocabulary(np.arange(1, rows.n_items + 1).tolist(), "item")
    return Ratings(
        users=rows.users,
        items=rows.items,
        values=rows.values,
        times=rows.times,
        user_ids=user_ids,
        item_ids=item_ids,
        catalog=Catalog(item_ids),
    )
