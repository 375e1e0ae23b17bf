"""A recommender as the content of a model folder, and back."""

from __future__ import annotations

import importlib.metadata
import platform
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tastemap.data.catalog import Catalog
from tastemap.data.ratings import Ratings
from tastemap.data.vocabulary import Vocabulary
from tastemap.evaluation.coverage import Coverage
from tastemap.evaluation.evaluate import Evaluation
from tastemap.model_folder import FolderContent
from tastemap.models.bias import BiasModel
from tastemap.models.blend import BlendModel
from tastemap.models.factors import FactorModel
from tastemap.models.liking import Liking
from tastemap.models.network import NetworkModel
from tastemap.models.popularity import PopularityModel
from tastemap.models.posterior import PosteriorModel
from tastemap.models.preference import PreferenceModel
from tastemap.models.protocol import Model
from tastemap.models.similarity import SimilarityModel
from tastemap.training.history import TrainingHistory
from tastemap.training.registry import RECIPES

if TYPE_CHECKING:
    from tastemap.recommender import Recommender

_KINDS: tuple[type[Model], ...] = (
    BiasModel,
    FactorModel,
    NetworkModel,
    PosteriorModel,
    PopularityModel,
    SimilarityModel,
    PreferenceModel,
    BlendModel,
)
MODELS: dict[str, type[Model]] = {model.kind: model for model in _KINDS}
"""Kinds of model a folder may hold: loading never imports a name it finds in a file."""

_COLUMNS = ("users", "items", "values", "times", "weights")


def manifest_of(model: Recommender) -> dict[str, Any]:
    """What the model is, as plain values: the manifest of its folder."""
    low, high = model.ratings.scale
    return {
        "tastemap": _version("tastemap"),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "recipe": {"name": model.recipe.name, "settings": model.recipe.settings()},
        "model": model.model.kind,
        "seed": model.seed,
        "training_data": {
            "name": model.ratings.name,
            "split": model.ratings.part,
            "fingerprint": model.ratings.fingerprint,
            "explicit": model.ratings.explicit,
            "ratings": len(model.ratings),
            "users": model.ratings.n_users,
            "items": model.ratings.n_items,
            "scale": [low, high],
            "notes": list(model.ratings.notes),
        },
        "history": model.history.to_json(),
        "fit_seconds": model.seconds,
        "evaluation": model.evaluation.to_json() if model.evaluation else None,
        "coverage": model.coverage.to_json() if model.coverage else None,
        "liking": model.liking.to_json() if model.liking else None,
        "libraries": libraries(),
    }


def libraries() -> dict[str, str | None]:
    """Versions of what models are made with; None of what is not installed."""
    names = ("numpy", "pyarrow", "jax", "optax", "numba")
    return {"python": platform.python_version(), **{name: _version(name) for name in names}}


def pack(model: Recommender) -> FolderContent:
    """Everything of a recommender, for `tastemap.model_folder.write`."""
    ratings = model.ratings
    arrays = {f"model.{name}": array for name, array in model.model.parameters().items()}
    arrays |= {f"fallback.{name}": array for name, array in model.fallback.parameters().items()}
    columns = {name: getattr(ratings, name) for name in _COLUMNS}
    arrays |= {f"ratings.{name}": column for name, column in columns.items() if column is not None}
    return FolderContent(
        manifest=manifest_of(model),
        arrays=arrays,
        users=_table(ratings.user_ids, ratings.user_catalog),
        items=_table(ratings.item_ids, ratings.catalog),
    )


def _table(ids: Vocabulary, catalog: Catalog | None) -> pa.Table:
    """Raw ids in the first column, metadata in the others."""
    columns = {} if catalog is None else {n: catalog.table.column(n) for n in catalog.columns}
    id_name = ids.noun
    while id_name in columns:
        id_name += "_"
    return pa.table({id_name: ids.ids, **columns})


def unpack(content: FolderContent) -> dict[str, Any]:
    """The fields of the recommender that `pack` made the content of.

    Raises:
        KeyError, TypeError, ValueError, IndexError: something is missing or does not fit together.
    """
    manifest, arrays = content.manifest, content.arrays

    def part(prefix: str) -> dict[str, Any]:
        return {
            name.removeprefix(prefix): array
            for name, array in arrays.items()
            if name.startswith(prefix)
        }

    user_ids = Vocabulary(content.users.column(0).combine_chunks(), "user")
    item_ids = Vocabulary(content.items.column(0).combine_chunks(), "item")
    data = manifest["training_data"]
    users = content.users.remove_column(0)
    ratings = Ratings(
        **part("ratings."),
        user_ids=user_ids,
        item_ids=item_ids,
        catalog=Catalog(item_ids, content.items.remove_column(0)),
        user_catalog=Catalog(user_ids, users) if users.num_columns else None,
        explicit=data.get("explicit", True),
        name=data["name"],
        part=data["split"],
        notes=tuple(data["notes"]),
    )
    model = MODELS[manifest["model"]].from_parameters(part("model."))
    fallback = BiasModel.from_parameters(part("fallback."))
    for one in (model, fallback):
        if (one.n_users, one.n_items) != (len(user_ids), len(item_ids)):
            raise ValueError("the arrays are of other users and items")
    recipe = RECIPES[manifest["recipe"]["name"]]
    evaluation, liking = manifest["evaluation"], manifest.get("liking")
    coverage = manifest.get("coverage")
    return {
        "model": model,
        "ratings": ratings,
        "recipe": recipe.from_settings(manifest["recipe"]["settings"]),
        "seed": manifest["seed"],
        "history": TrainingHistory.from_json(manifest["history"]),
        "seconds": manifest["fit_seconds"],
        "fallback": fallback,
        "evaluation": Evaluation.from_json(evaluation) if evaluation else None,
        "coverage": Coverage.from_json(coverage) if coverage else None,
        "liking": Liking.from_json(liking) if liking else None,
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
