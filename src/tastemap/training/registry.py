"""Every recipe by the name it has on the command line and in a model folder."""

from __future__ import annotations

from tastemap.training.baselines import BiasesOnly, GlobalMean
from tastemap.training.bayesian import BayesianMF
from tastemap.training.blend import Blend
from tastemap.training.ease import EASE
from tastemap.training.gradient_recipes import BiasedMF, DotProduct, NeuralNet
from tastemap.training.implicit_als import ImplicitALS
from tastemap.training.item_knn import ItemKNN
from tastemap.training.popularity import Popularity
from tastemap.training.recipe import Recipe
from tastemap.training.rp3beta import RP3beta

_RATINGS: tuple[type[Recipe], ...] = (
    GlobalMean,
    BiasesOnly,
    DotProduct,
    BiasedMF,
    NeuralNet,
    BayesianMF,
)
_LISTS: tuple[type[Recipe], ...] = (Popularity, ItemKNN, RP3beta, EASE, ImplicitALS, Blend)

RECIPES: dict[str, type[Recipe]] = {recipe.name: recipe for recipe in (*_RATINGS, *_LISTS)}
