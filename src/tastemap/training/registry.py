"""Every recipe by the name it has on the command line and in a model folder."""

from __future__ import annotations

from tastemap.training.baselines import BiasesOnly, GlobalMean
from tastemap.training.bayesian import BayesianMF
from tastemap.training.gradient_recipes import BiasedMF, DotProduct, NeuralNet
from tastemap.training.recipe import Recipe

RECIPES: dict[str, type[Recipe]] = {
    recipe.name: recipe
    for recipe in (GlobalMean, BiasesOnly, DotProduct, BiasedMF, NeuralNet, BayesianMF)
}
