"""Every argument of every public name, given things of the likeliest wrong kinds.

Each must be refused by an error of tastemap's own: an error of Python says nothing to do.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.data.splits import Split
from tastemap.errors import ArgumentError, ConfigError, TastemapError
from tastemap.recommender import Recommender
from tastemap.training.recipe import Recipe

NOT_RATINGS = "recipe model class split path frame None list dict"
NO_RATINGS_HERE = "recipe model class split path frame list dict"  # None will do
NOT_MODEL = "recipe class split path frame ratings None list dict int"
NOT_RECIPE = "model class split path ratings None list int"
NOT_SPLIT = "recipe model path frame ratings list dict int"
NOT_NUMBER = "text list true nan"
NOT_INTEGER = "text float list true nan"
NOT_LENGTHS = "text float true nan strings dict"
NOT_TEXT = "int list"
NOT_PATH = "int list"
NOT_FUNCTION = "int text true"
NOT_RESULT = "recipe model ratings text None list"
NOT_CODES = "text int None float series strings"
NOT_FILTER = "text list int"
NOT_NEWCOMER = "text list int frame ratings series strings dict"


@dataclass(frozen=True)
class Call:
    """A call that works.

    Attributes:
        of: what is called.
        given: its arguments.
        wrong: by argument, names of kinds that it must refuse.
    """

    of: Callable[..., Any]
    given: dict[str, Any]
    wrong: dict[str, str]


class World:
    """What calls are made with, and the kinds that are given in the place of others."""

    def __init__(self, ratings: Ratings, folder: Path) -> None:
        self.ratings = ratings
        self.split: Split = tm.split.random(ratings)
        train = self.split.train
        self.model: Recommender = tm.BiasesOnly().fit(train, self.split.valid)
        self.sure: Recommender = tm.BayesianMF(
            factors=2, sweeps=8, burn_in=2, draws=4, item_features=False
        ).fit(train)
        self.lists: Recommender = tm.EASE().fit(train)
        self.folder = folder
        self.table = pd.DataFrame({"user": [1, 2], "item": [3, 4], "rating": [1.0, 2.0]})
        self.kinds: dict[str, Any] = {
            "recipe": tm.BiasesOnly(),
            "model": self.model,
            "class": tm.BiasesOnly,
            "split": self.split,
            "path": "ratings.csv",
            "frame": self.table,
            "ratings": ratings,
            "text": "ten",
            "float": 2.5,
            "None": None,
            "int": 3,
            "list": [1, 2],
            "true": True,
            "dict": {"a": 1},
            "nan": float("nan"),
            "series": pd.Series([1, 2]),
            "strings": ["a", "b"],
        }


def measuring(world: World) -> list[Call]:
    split, recipe = world.split, tm.BiasesOnly()
    test = {"test": split.valid}
    lists = {"k": NOT_LENGTHS, "relevant_from": "text list"}
    return [
        Call(
            tm.evaluate,
            {"model": world.sure, **test},
            {
                "model": NOT_MODEL,
                "test": NOT_RATINGS,
                "known": NO_RATINGS_HERE,
                "level": NOT_NUMBER,
                "sampled": NOT_INTEGER,
                "name": NOT_TEXT,
                **lists,
            },
        ),
        Call(
            tm.compare,
            {"models": [world.model], **test},
            {
                "models": NOT_MODEL + " model strings",
                "test": NOT_RATINGS,
                "known": NO_RATINGS_HERE,
                **lists,
            },
        ),
        Call(lambda one: tm.compare([one], split.valid), {"one": world.model}, {"one": NOT_MODEL}),
        Call(
            tm.compare_recipes,
            {"recipes": [recipe], "splits": split},
            {
                "recipes": NOT_RECIPE + " recipe strings",
                "splits": NOT_SPLIT,
                "seeds": "text int float None strings",
                "on_fit": NOT_FUNCTION,
                **lists,
            },
        ),
        Call(lambda one: tm.compare_recipes([one], split), {"one": recipe}, {"one": NOT_RECIPE}),
        Call(
            tm.cross_validate,
            {"recipe": recipe, "splits": split},
            {
                "recipe": NOT_RECIPE,
                "splits": NOT_SPLIT,
                "seeds": "text int float None strings",
                "on_fit": NOT_FUNCTION,
                **lists,
            },
        ),
        Call(
            tm.tune,
            {"recipe": recipe, "ratings": split.train, "trials": 1},
            {
                "recipe": NOT_RECIPE,
                "ratings": "recipe model path frame None list int dict",
                "space": "text list int",
                "budget": NOT_NUMBER,
                "trials": NOT_INTEGER,
                "measure": NOT_TEXT,
                "relevant_from": "text list",
                "storage": NOT_PATH,
                "name": NOT_TEXT,
                "seed": NOT_INTEGER,
                "on_trial": NOT_FUNCTION,
            },
        ),
        Call(
            tm.coverage,
            {"model": world.sure, **test},
            {"model": NOT_MODEL, "test": NOT_RATINGS, "level": NOT_NUMBER, "name": NOT_TEXT},
        ),
        Call(
            tm.reliability,
            {"model": world.model, **test},
            {"model": NOT_MODEL, "test": NOT_RATINGS, "name": NOT_TEXT},
        ),
        Call(
            recipe.fit,
            {"train": split.train},
            {
                "train": NOT_RATINGS,
                "valid": NO_RATINGS_HERE,
                "seed": NOT_INTEGER + " None",
                "on_epoch": NOT_FUNCTION,
                "checkpoint": NOT_PATH,
            },
        ),
    ]


def data(world: World) -> list[Call]:
    ratings = world.ratings
    calls = [
        Call(tm.audit, {"ratings": ratings}, {"ratings": NOT_RATINGS, "factors": NOT_INTEGER}),
        Call(
            tm.crosstab,
            {"ratings": ratings},
            {"ratings": NOT_RATINGS, "n_users": NOT_INTEGER, "n_items": NOT_INTEGER},
        ),
        Call(tm.load, {}, {"folder": "int None list model recipe path"}),
        Call(
            tm.load_dataset,
            {},
            {"name": NOT_TEXT + " None path", "folder": NOT_PATH},
        ),
        Call(tm.download_dataset, {"folder": world.folder}, {"name": NOT_TEXT + " None path"}),
        Call(
            tm.read_ratings,
            {"source": world.table},
            {
                "source": "recipe model class split ratings None list int dict path",
                "items": "recipe int list model path",
                "users": "recipe int list model",
                "user": "int float list",
                "rating": "int float list true",
                "time": "float list",
                "duplicates": "text int list",
                "sep": NOT_TEXT,
                "encoding": NOT_TEXT + " None",
                "decimal": NOT_TEXT + " None text",
                "name": NOT_TEXT,
                "query": NOT_TEXT,
                "table": NOT_TEXT,
            },
        ),
        Call(
            tm.read_sql,
            {"address": "sqlite:///no.db", "query": "select 1"},
            {"address": NOT_TEXT + " None path"},
        ),
        Call(
            ratings.take,
            {"rows": np.arange(2)},
            {"rows": "text int None float strings frame nan"},
        ),
        Call(ratings.min_counts, {}, {"user": NOT_INTEGER, "item": NOT_INTEGER}),
        Call(ratings.k_core, {}, {"user": NOT_INTEGER, "item": NOT_INTEGER}),
        Call(ratings.dated, {}, {"since": "text list true model", "before": "text list model"}),
        Call(ratings.deduplicated, {}, {"rule": "text int list"}),
        Call(ratings.with_feedback, {}, {"feedback": "text frame None list ratings path"}),
        Call(ratings.most_rated_items, {}, {"n": NOT_INTEGER}),
        Call(ratings.most_active_users, {}, {"n": NOT_INTEGER}),
    ]
    for name, split in vars(tm.split).items():
        if inspect.isfunction(split) and not name.startswith("_") and "ratings" in (
            there := inspect.signature(split).parameters
        ):  # fmt: skip
            wrong = {"ratings": NOT_RATINGS}
            wrong |= {one: NOT_NUMBER + " None" for one in there if one.endswith("_fraction")}
            wrong |= {
                one: NOT_INTEGER + " None" for one in ("k", "n", "test", "seed") if one in there
            }
            wrong |= {one: "text list true model" for one in ("at", "test_at") if one in there}
            calls.append(Call(split, {"ratings": ratings}, wrong))
    return calls


def asking(world: World) -> list[Call]:
    calls = []
    one, pair = {"user": 1}, {"user": 1, "item": 2}
    codes = {"users": np.array([0]), "items": np.array([0])}
    for by in (world.model, world.sure, world.lists):
        if by is not world.lists:
            calls += [
                Call(
                    by.predict,
                    pair,
                    {
                        "user": "recipe model frame None float dict series strings true nan",
                        "item": "recipe model frame float dict series strings true nan",
                        "interval": NOT_NUMBER,
                        "at": "text list true model nan",
                    },
                ),
                Call(by.predict_codes, codes, {"users": NOT_CODES, "items": NOT_CODES}),
            ]
        calls += [
            Call(
                by.recommend,
                one,
                {
                    "user": "recipe model frame float dict series strings true nan text",
                    "ratings": "dict",  # beside a user
                    "n": NOT_INTEGER + " None",
                    "include": NOT_FILTER,
                    "exclude": NOT_FILTER,
                    "min_ratings": NOT_INTEGER + " None",
                    "seen": "text int None",
                },
            ),
            Call(by.recommend, {}, {"ratings": NOT_NEWCOMER}),
            Call(by.score_codes, {}, {"users": NOT_CODES}),
            Call(
                by.recommend_codes,
                {"users": codes["users"]},
                {"users": NOT_CODES, "n": NOT_INTEGER + " None"},
            ),
            Call(by.liking_codes, codes, {"users": NOT_CODES, "items": NOT_CODES}),
            Call(
                by.similar_items,
                {"item": 2},
                {
                    "item": "recipe model frame None float dict text nan",
                    "n": NOT_INTEGER + " None",
                    "min_ratings": NOT_INTEGER + " None",
                },
            ),
            Call(by.fold_in, {}, {"ratings": NOT_NEWCOMER + " None"}),
            Call(by.ask_next, {}, {"known": NOT_NEWCOMER, "n": NOT_INTEGER + " None"}),
            Call(
                by.explain,
                pair,
                {
                    "user": "recipe frame None list float dict text",
                    "item": "recipe frame None list float dict text",
                },
            ),
            Call(by.item_biases, {}, {"most_rated": NOT_INTEGER + " None"}),
            Call(
                by.components,
                {},
                {
                    "n": "text float list nan None",
                    "most_rated": NOT_INTEGER + " None",
                    "basis": NOT_TEXT + " None text",
                },
            ),
            Call(
                by.with_ratings,
                {"new": world.table},
                {"new": "recipe model split None list dict path", "seed": NOT_INTEGER + " None"},
            ),
            Call(by.with_liking, {}, {"liked_from": NOT_NUMBER}),
            Call(by.save, {}, {"folder": NOT_PATH + " None model"}),
        ]
    return calls


def drawing(world: World) -> list[Call]:
    model, plots = world.model, tm.plots
    compared = {"comparison": tm.compare([model], world.split.valid)}
    return [
        Call(plots.learning_curve, {}, {"history": NOT_RESULT}),
        Call(plots.comparison, compared, {"comparison": NOT_RESULT, "measure": NOT_TEXT + " text"}),
        Call(plots.differences, compared, {"comparison": NOT_RESULT, "measure": NOT_TEXT}),
        Call(
            plots.item_biases,
            {"ranking": model.item_biases()},
            {"ranking": NOT_RESULT, "n": NOT_INTEGER + " None"},
        ),
        Call(plots.taste_map, {}, {"points": NOT_RESULT}),
        Call(plots.learning_rate, {}, {"curve": NOT_RESULT}),
        Call(plots.crosstab, {}, {"table": NOT_RESULT + " frame"}),
        Call(plots.tuning_history, {}, {"tuning": NOT_RESULT}),
        Call(plots.tuning_slices, {}, {"tuning": NOT_RESULT}),
        Call(
            plots.save,
            {"figure": plots.comparison(compared["comparison"]), "path": world.folder / "a.png"},
            {"figure": "model text None", "path": NOT_PATH + " None"},
        ),
        Call(
            tm.write_report,
            {"path": world.folder / "report.html", "models": model},
            {
                "path": NOT_PATH + " None",
                "models": NOT_MODEL,
                "ratings": NO_RATINGS_HERE,
                "split": "recipe model path frame ratings list",
                "valid": NO_RATINGS_HERE,
                "comparison": "recipe model ratings text list int",
                "learning_rates": "text int list",
                "commands": "int text",
                "title": NOT_TEXT,
            },
        ),
    ]


@pytest.fixture(scope="module")
def world(movielens: Ratings, tmp_path_factory: pytest.TempPathFactory) -> World:
    few = movielens.take(movielens.users < 60).k_core(3, 3)
    return World(few, tmp_path_factory.mktemp("files"))


@pytest.mark.filterwarnings("ignore")  # of what is read from wrong tables
@pytest.mark.parametrize("calls", [measuring, data, asking, drawing])
def test_a_wrong_kind_is_refused_by_an_error_of_our_own(
    calls: Callable[[World], list[Call]], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world.folder)
    amiss, tried = [], 0
    for call in calls(world):
        for argument, kinds in call.wrong.items():
            for kind in kinds.split():
                name = f"{getattr(call.of, '__qualname__', call.of)}({argument}={kind})"
                tried += 1
                try:
                    call.of(**{**call.given, argument: world.kinds[kind]})
                except TastemapError as error:
                    if not str(error):
                        amiss.append(f"{name} says nothing")
                except Exception as error:
                    amiss.append(f"{name} gives {error!r}")
                else:
                    amiss.append(f"{name} is taken")
    assert tried > 100
    assert not amiss, "\n".join(amiss)


def recipes() -> list[type[Recipe]]:
    return [kind for kind in map(tm.__getattr__, tm.__all__) if isinstance(kind, type)
            and issubclass(kind, Recipe)]  # fmt: skip


@pytest.mark.parametrize("kind", recipes())
def test_a_recipe_refuses_settings_of_wrong_kinds(kind: type[Recipe], world: World) -> None:
    for field in fields(kind):
        for wrong in ("text", "dict", "model", "nan", "class"):
            with pytest.raises(TastemapError):
                kind(**{field.name: world.kinds[wrong]})


def test_numbers_of_numpy_are_numbers_and_stay_plain_in_a_model_folder(
    world: World, tmp_path: Path
) -> None:
    recipe = tm.ItemKNN(neighbours=np.int64(7), shrinkage=np.float32(2))  # type: ignore[arg-type]
    fitted = recipe.fit(world.split.train, seed=np.int64(3))  # type: ignore[arg-type]
    assert tm.load(fitted.save(tmp_path / "model")).recipe == tm.ItemKNN(neighbours=7, shrinkage=2)
    assert len(fitted.recommend(1, np.int64(3))) == 3  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda w: tm.compare([tm.BiasesOnly()], w.split.valid),  # type: ignore[list-item]
            "each of models must be a fitted model, got the recipe BiasesOnly: fit it first, "
            "BiasesOnly().fit(split.train), or give recipes to tm.compare_recipes",
        ),
        (
            lambda w: tm.evaluate(w.model, w.split),
            "test must be Ratings, got a Split: give one of its parts, such as split.train or "
            "split.valid",
        ),
        (
            lambda _: tm.EASE().fit("ratings.csv"),  # type: ignore[arg-type]
            "train must be Ratings, got 'ratings.csv': read it first, "
            "tm.read_ratings('ratings.csv')",
        ),
        (
            lambda w: tm.EASE().fit(w.table),
            "train must be Ratings, got a DataFrame of pandas: read it first, "
            "tm.read_ratings(table)",
        ),
        (
            lambda w: tm.compare_recipes([w.model], w.split),
            "each of recipes must be a recipe, got a fitted model: its recipe is model.recipe",
        ),
        (
            lambda w: tm.compare_recipes([tm.BiasesOnly], w.split),  # type: ignore[list-item]
            "each of recipes must be a recipe, got the class BiasesOnly: make one of it, "
            "BiasesOnly()",
        ),
        (
            lambda w: tm.cross_validate(tm.BiasesOnly(), w.ratings),
            "splits must be a Split or several, got Ratings: make one, such as "
            "tm.split.random(ratings), or several by tm.split.k_fold(ratings, 5)",
        ),
        (
            lambda _: tm.evaluate("models/biased", None),  # type: ignore[arg-type]
            "model must be a fitted model, got 'models/biased': load it first, "
            "tm.load('models/biased')",
        ),
    ],
)
def test_the_likeliest_first_mistakes_are_told_what_to_do(
    call: Callable[[World], object], said: str, world: World
) -> None:
    with pytest.raises(ArgumentError) as caught:
        call(world)
    assert str(caught.value) == said


def test_numbers_written_as_text_are_shown_as_such(world: World) -> None:
    with pytest.raises(ConfigError, match=r"budget, in seconds, must be a number .* got '60 s'"):
        tm.tune(tm.BiasesOnly(), world.ratings, budget="60 s")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="k must be an integer of at least 1, got '10'"):
        tm.evaluate(world.model, world.split.valid, k="10")  # type: ignore[arg-type]


def test_codes_that_are_none_are_refused_and_lists_of_codes_are_taken(world: World) -> None:
    with pytest.raises(ConfigError, match=f"codes from -1 to {world.ratings.n_users - 1}"):
        world.model.recommend_codes(np.array([world.ratings.n_users]))
    items, _ = world.model.recommend_codes([0, -1], 3)  # type: ignore[arg-type]
    assert items.shape == (2, 3)
