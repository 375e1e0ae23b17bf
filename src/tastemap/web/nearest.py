"""Candidates for lists out of very many items, from an index instead of all scores.

A list of the best items by p · q + c needs every item's score; with a million items that is 30 ms
of reading memory. An index of the vectors (q, c) finds nearly all of the best in a few milliseconds
(Malkov & Yashunin 2018, "Efficient and robust approximate nearest neighbor search using
hierarchical navigable small world graphs"). It is made once, lies beside the model folder and is
shared by all processes; how many of the best it finds is measured when it is made. The scores of
what it finds are exact.
"""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tastemap.arrays import Codes, Factors, Values, best_columns
from tastemap.errors import NotFittedFor, require
from tastemap.model_folder import read_manifest
from tastemap.models.factors import FactorModel
from tastemap.recommender import Recommender

FOLDER = ".nearest"
"""Beside the model folders: indexes can always be made anew."""
_CONNECTIVITY, _EXPANSION_ADD, _EXPANSION_SEARCH = 16, 128, 256
"""Links of a vector, and how many candidates are followed in adding one and in searching."""
_TRIED, _BEST = 100, 10
"""Users whose lists are compared with exact ones, and how long these are."""
_LOG = logging.getLogger("tastemap.web")


@dataclass(frozen=True, eq=False, kw_only=True)
class Nearest:
    """An index of the items of a model.

    Attributes:
        index: of the item vectors, by code.
        recall: share of the ten best items that it finds, over a hundred users.
        seconds: it took to make.
    """

    index: Any
    recall: float
    seconds: float

    def candidates(self, vector: Values, n: int) -> Codes:
        """About the ``n`` items whose vectors have the largest product with ``vector``."""
        found = self.index.search(vector, min(n, len(self.index)))
        return np.asarray(found.keys, np.int64).astype(np.int32)

    @classmethod
    def of(cls, recommender: Recommender, root: Path, name: str) -> Nearest | None:
        """The index that was made of a model; None if there is none."""
        path = _path(root, name)
        try:
            about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            index = require("usearch.index", "nearest").Index.restore(str(path), view=True)
        except (FileNotFoundError, ValueError):
            index = None
        if index is None or len(index) != np.count_nonzero(recommender.ratings.item_counts):
            _LOG.warning("%s has no index: its lists are made from all scores", name)
            return None
        index.expansion_search = _EXPANSION_SEARCH
        return cls(index=index, recall=about["recall"], seconds=about["seconds"])

    @classmethod
    def make(cls, recommender: Recommender, root: Path, name: str) -> Nearest:
        """The index of a model, made now if it was not before.

        Raises:
            NotFittedFor: the model has no vectors of users and items.
        """
        model = recommender.model
        if not isinstance(model, FactorModel):
            raise NotFittedFor(
                f"a {recommender.recipe.name} model has no vectors to index: serve it without "
                "--approximate"
            )
        path = _path(root, name)
        if path.exists() and (known := cls.of(recommender, root, name)) is not None:
            return known
        started = time.perf_counter()
        vectors = _item_vectors(model)
        codes = np.flatnonzero(recommender.ratings.item_counts).astype(np.int32)
        index = require("usearch.index", "nearest").Index(
            ndim=vectors.shape[1],
            metric="ip",
            dtype="f32",
            connectivity=_CONNECTIVITY,
            expansion_add=_EXPANSION_ADD,
            expansion_search=_EXPANSION_SEARCH,
        )
        index.add(codes, vectors[codes], threads=os.cpu_count() or 1)
        made = cls(index=index, recall=0.0, seconds=time.perf_counter() - started)
        about = {"recall": _recall(made, model, codes, vectors), "seconds": made.seconds}
        path.parent.mkdir(exist_ok=True)
        for old in path.parent.glob(f"{name}-*"):
            old.unlink()
        index.save(str(path.with_suffix(".part")))
        path.with_suffix(".part").replace(path)
        path.with_suffix(".json").write_text(json.dumps(about) + "\n", encoding="utf-8")
        return cls(index=index, **about)


def user_vector(factors: Values) -> Values:
    """What items are compared with for a user of these factors, shape (k + 1,)."""
    return np.append(factors, np.float32(1))


def _item_vectors(model: FactorModel) -> Factors:
    bias = np.zeros(model.n_items, np.float32) if model.item_bias is None else model.item_bias
    return np.column_stack([model.item_factors, bias]).astype(np.float32)


def _recall(made: Nearest, model: FactorModel, codes: Codes, vectors: Factors) -> float:
    users = np.linspace(0, model.n_users - 1, min(_TRIED, model.n_users)).astype(np.int64)
    n, found = min(_BEST, len(codes)), 0
    for user in users:
        vector = user_vector(model.user_factors[user])
        exact = codes[best_columns((vectors[codes] @ vector)[None], n)[0]]
        found += len(np.intersect1d(exact, made.candidates(vector, n)))
    return found / (n * len(users)) if n else 1.0


def _path(root: Path, name: str) -> Path:
    """Named after what the model folder holds, so that another model of the name has another."""
    content = read_manifest(root / name)["checksum"]
    return root / FOLDER / f"{name}-{content[:16]}.usearch"
