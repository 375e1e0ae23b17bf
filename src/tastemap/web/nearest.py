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
_CONNECTIVITY, _EXPANSION_ADD = 16, 128
"""Links of a vector, and how many candidates are followed in adding one."""
_EXPANSIONS, _ENOUGH = (256, 512, 1024, 2048, 4096), 0.95
"""How many candidates are followed in searching: the fewest of these that find this share of the
best, which depends on the vectors."""
_TRIED, _BEST = 100, 10
"""Users whose lists are compared with exact ones, and how long these are."""
_LOG = logging.getLogger("tastemap.web")


@dataclass(frozen=True, eq=False, kw_only=True)
class Nearest:
    """An index of the items of a model.

    Attributes:
        index: of the item vectors, by code.
        expansion: how many candidates it follows in a search.
        recall: share of the ten best items that it finds, over a hundred users.
        seconds: it took to make.
    """

    index: Any
    expansion: int
    recall: float
    seconds: float

    def candidates(self, vector: Values, n: int) -> Codes:
        """About the ``n`` items whose vectors have the largest product with ``vector``."""
        return _candidates(self.index, vector, n)

    @classmethod
    def of(cls, recommender: Recommender, root: Path, name: str) -> Nearest | None:
        """The index that was made of a model; None if there is none."""
        path = _path(root, name)
        try:
            about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            index = require("usearch.index", "nearest").Index.restore(str(path), view=True)
            known = cls(index=index, **about)
        except (FileNotFoundError, ValueError, TypeError):
            index = None
        if index is None or len(index) != np.count_nonzero(recommender.ratings.item_counts):
            _LOG.warning("%s has no index: its lists are made from all scores", name)
            return None
        index.expansion_search = known.expansion
        return known

    @classmethod
    def make(cls, recommender: Recommender, root: Path, name: str) -> Nearest:
        """The index of a model, made now if it was not before.

        Raises:
            NotFittedFor: the model has no vectors of users and items.
        """
        model = recommender.model
        if not isinstance(model, FactorModel):
            raise NotFittedFor(
                f"{recommender.recipe.called} model has no vectors to index: serve it without "
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
        )
        index.add(codes, vectors[codes], threads=os.cpu_count() or 1)
        about = {"seconds": time.perf_counter() - started} | _measured(index, model, codes, vectors)
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


def _candidates(index: Any, vector: Values, n: int) -> Codes:
    found = index.search(vector, min(n, len(index)))
    return np.asarray(found.keys, np.int64).astype(np.int32)


def _measured(index: Any, model: FactorModel, codes: Codes, vectors: Factors) -> dict[str, Any]:
    """Set how many candidates a search follows; gives that, and the share of the best it finds."""
    users = np.linspace(0, model.n_users - 1, min(_TRIED, model.n_users)).astype(np.int64)
    asking = [user_vector(one) for one in model.user_factors[users]]
    n, listed = min(_BEST, len(codes)), vectors[codes]
    exact = [codes[best_columns((listed @ one)[None], n)[0]] for one in asking]
    expansion, recall = 0, 0.0
    for expansion in _EXPANSIONS:
        index.expansion_search = expansion
        found = sum(
            len(np.intersect1d(best, _candidates(index, one, n)))
            for one, best in zip(asking, exact, strict=True)
        )
        recall = found / (n * len(asking)) if n else 1.0
        if recall >= _ENOUGH:
            break
    return {"expansion": expansion, "recall": recall}


def _path(root: Path, name: str) -> Path:
    """Named after what the model folder holds, so that another model of the name has another."""
    content = read_manifest(root / name)["checksum"]
    return root / FOLDER / f"{name}-{content[:16]}.usearch"
