"""From a table of ratings to a model you can trust, read and serve.

Every public name is loaded when it is first used, so that ``import tastemap`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tastemap import plots as plots
    from tastemap.data import splits as split
    from tastemap.data.audit import audit as audit
    from tastemap.data.datasets import load_dataset as load_dataset
    from tastemap.data.download import download_dataset as download_dataset
    from tastemap.data.ratings import Ratings as Ratings
    from tastemap.data.readers import read_ratings as read_ratings
    from tastemap.data.readers import read_sql as read_sql
    from tastemap.evaluation.compare import compare as compare
    from tastemap.evaluation.coverage import coverage as coverage
    from tastemap.evaluation.cross_validation import compare_recipes as compare_recipes
    from tastemap.evaluation.cross_validation import cross_validate as cross_validate
    from tastemap.evaluation.evaluate import evaluate as evaluate
    from tastemap.evaluation.reliability import reliability as reliability
    from tastemap.evaluation.tune import tune as tune
    from tastemap.explanation.crosstab import crosstab as crosstab
    from tastemap.progress import progress_bar as progress_bar
    from tastemap.recommender import Recommender as Recommender
    from tastemap.recommender import load as load
    from tastemap.report import write_report as write_report
    from tastemap.training.baselines import BiasesOnly as BiasesOnly
    from tastemap.training.baselines import GlobalMean as GlobalMean
    from tastemap.training.bayesian import BayesianMF as BayesianMF
    from tastemap.training.blend import Blend as Blend
    from tastemap.training.ease import EASE as EASE
    from tastemap.training.gradient_recipes import BiasedMF as BiasedMF
    from tastemap.training.gradient_recipes import DotProduct as DotProduct
    from tastemap.training.gradient_recipes import NeuralNet as NeuralNet
    from tastemap.training.implicit_als import ImplicitALS as ImplicitALS
    from tastemap.training.item_knn import ItemKNN as ItemKNN
    from tastemap.training.popularity import Popularity as Popularity
    from tastemap.training.rp3beta import RP3beta as RP3beta

# public name -> where it lives; a name that is a module has no attribute.
_HOMES: dict[str, tuple[str, str | None]] = {
    "BayesianMF": ("tastemap.training.bayesian", "BayesianMF"),
    "BiasedMF": ("tastemap.training.gradient_recipes", "BiasedMF"),
    "BiasesOnly": ("tastemap.training.baselines", "BiasesOnly"),
    "Blend": ("tastemap.training.blend", "Blend"),
    "DotProduct": ("tastemap.training.gradient_recipes", "DotProduct"),
    "EASE": ("tastemap.training.ease", "EASE"),
    "GlobalMean": ("tastemap.training.baselines", "GlobalMean"),
    "ImplicitALS": ("tastemap.training.implicit_als", "ImplicitALS"),
    "ItemKNN": ("tastemap.training.item_knn", "ItemKNN"),
    "NeuralNet": ("tastemap.training.gradient_recipes", "NeuralNet"),
    "Popularity": ("tastemap.training.popularity", "Popularity"),
    "RP3beta": ("tastemap.training.rp3beta", "RP3beta"),
    "Ratings": ("tastemap.data.ratings", "Ratings"),
    "Recommender": ("tastemap.recommender", "Recommender"),
    "audit": ("tastemap.data.audit", "audit"),
    "compare": ("tastemap.evaluation.compare", "compare"),
    "compare_recipes": ("tastemap.evaluation.cross_validation", "compare_recipes"),
    "coverage": ("tastemap.evaluation.coverage", "coverage"),
    "cross_validate": ("tastemap.evaluation.cross_validation", "cross_validate"),
    "crosstab": ("tastemap.explanation.crosstab", "crosstab"),
    "download_dataset": ("tastemap.data.download", "download_dataset"),
    "errors": ("tastemap.errors", None),
    "evaluate": ("tastemap.evaluation.evaluate", "evaluate"),
    "load": ("tastemap.recommender", "load"),
    "load_dataset": ("tastemap.data.datasets", "load_dataset"),
    "plots": ("tastemap.plots", None),
    "progress_bar": ("tastemap.progress", "progress_bar"),
    "read_ratings": ("tastemap.data.readers", "read_ratings"),
    "read_sql": ("tastemap.data.readers", "read_sql"),
    "reliability": ("tastemap.evaluation.reliability", "reliability"),
    "split": ("tastemap.data.splits", None),
    "tune": ("tastemap.evaluation.tune", "tune"),
    "write_report": ("tastemap.report", "write_report"),
}

__all__ = [  # noqa: RUF022  # in the order of dir()
    "BayesianMF",
    "BiasedMF",
    "BiasesOnly",
    "Blend",
    "DotProduct",
    "EASE",
    "GlobalMean",
    "ImplicitALS",
    "ItemKNN",
    "NeuralNet",
    "Popularity",
    "RP3beta",
    "Ratings",
    "Recommender",
    "audit",
    "compare",
    "compare_recipes",
    "coverage",
    "cross_validate",
    "crosstab",
    "download_dataset",
    "errors",
    "evaluate",
    "load",
    "load_dataset",
    "plots",
    "progress_bar",
    "read_ratings",
    "read_sql",
    "reliability",
    "split",
    "tune",
    "write_report",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tastemap' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    loaded = importlib.import_module(module)
    value = loaded if attribute is None else getattr(loaded, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
