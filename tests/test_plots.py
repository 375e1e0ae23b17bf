"""Pictures: what they show, that labels stay apart, and that titles are only ever text."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tastemap as tm
from tastemap import plots
from tastemap.data.ratings import Ratings
from tastemap.errors import DataError, MissingExtraError
from tastemap.evaluation.spaces import dimensions
from tastemap.evaluation.tuning import Measure, Trial, Tuning
from tastemap.explanation.crosstab import crosstab
from tastemap.plots import numbers
from tastemap.plots.look import ACCENT
from tastemap.training.history import TrainingHistory
from tests.conftest import SCRIPT
from tests.plotted import axes, drawn_labels, map_of, overlaps, ranking_of, svg_texts
from tests.report.made import HOSTILE, history, hostile_ratings, made, unsure

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from tastemap.recommender import Recommender


@dataclass(frozen=True)
class Rates:
    learning_rates: np.ndarray[Any, Any]
    losses: np.ndarray[Any, Any]
    suggestion: float | None


def rates(suggestion: float | None = 0.01) -> Rates:
    grown = np.geomspace(1e-5, 1, 50)
    return Rates(grown, 1 - 0.4 / (1 + 0.01 / grown) + (3 * grown) ** 3, suggestion)


def searched() -> Tuning:
    """Three trials that finished, the last of them the best, and one that failed."""
    settings: list[dict[str, Any]] = [
        {"neighbours": neighbours, "min_rating": rating}
        for neighbours, rating in ((200, None), (20, 4.0), (40, None), (60, 4.0))
    ]
    trials = tuple(
        Trial(
            number=number,
            settings=settings[number],
            state="failed" if value is None else "finished",
            value=value,
            seconds=1.0,
        )
        for number, value in enumerate((0.2, 0.1, None, 0.3))
    )
    return Tuning(
        given=tm.ItemKNN(),
        best=tm.ItemKNN(**settings[3]),
        measure=Measure.of("ndcg@10"),
        space=dimensions(tm.ItemKNN(), {"neighbours": (10, 300, "log"), "min_rating": [None, 4.0]}),
        trials=trials,
        best_trial=3,
        check=None,
        importance={},
        chosen_on="fold 1 of 5",
        stopped="all 4 trials were made",
        seconds=4.0,
        budget=None,
    )


def every_picture(model: Recommender, ratings: Ratings) -> dict[str, Figure]:
    return {
        "curve": plots.learning_curve({"a $x$": model.history, "b": history(3)}),
        "comparison": plots.comparison(tm.compare([model], ratings)),
        "biases": plots.item_biases(model.item_biases(), 10),
        "map": plots.taste_map(model.components(3).map(0, 2).popular(0, 50)),
        "rates": plots.learning_rate(rates()),
        "crosstab": plots.crosstab(crosstab(ratings, 8, 12)),
        "history of a search": plots.tuning_history(searched()),
        "slices of a search": plots.tuning_slices(searched()),
    }


@pytest.fixture(scope="module")
def pictures() -> dict[str, Figure]:
    ratings = hostile_ratings()
    return every_picture(made(ratings), ratings)


# What is shown


def test_small_numbers_have_digits_that_tell_them_from_nothing() -> None:
    for largest, digits in ((0.0, 2), (250.0, 2), (1.0, 2), (0.11, 2), (0.07, 3), (0.0012, 4)):
        assert numbers.digits_of(largest) == digits
        if largest:
            assert float(f"{largest / 19:.{digits}f}") > 0


def test_a_learning_curve_shows_every_epoch_and_the_one_that_was_kept() -> None:
    figure = plots.learning_curve(history(6))
    loss, _, valid, _, kept = axes(figure).lines
    assert loss.get_ydata()[2] == pytest.approx(0.7 + 1 / 3)
    assert valid.get_xdata().tolist() == [1, 2, 3, 4, 5, 6]
    assert kept.get_xydata().tolist() == [[5, pytest.approx(0.9)]]
    names = {text.get_text() for text in axes(figure).texts}
    assert names == {"training loss", "validation error"}


def test_a_learning_curve_without_validation_shows_the_loss_alone() -> None:
    epochs = tuple(dataclasses.replace(epoch, validation_mse=None) for epoch in history(4).epochs)
    figure = plots.learning_curve(TrainingHistory(epochs=epochs))
    assert [text.get_text() for text in axes(figure).texts] == ["training loss"]


def test_names_of_curves_that_end_together_do_not_overlap() -> None:
    figure = plots.learning_curve({f"model {k}": history(3 + k) for k in range(5)})
    assert overlaps(drawn_labels(figure)[1]) == []


def test_one_extreme_loss_does_not_flatten_the_rest() -> None:
    epochs = list(history(12).epochs)
    epochs[0] = dataclasses.replace(epochs[0], training_loss=1e6)
    top = axes(plots.learning_curve(TrainingHistory(epochs=tuple(epochs)))).get_ylim()[1]
    assert top < 3
    assert top > max(epoch.training_loss for epoch in epochs[2:])


def test_a_comparison_has_a_dot_at_each_rmse(movielens: Ratings) -> None:
    few = movielens.take(np.arange(3000))
    compared = tm.compare([tm.BiasesOnly().fit(few), tm.GlobalMean().fit(few)], few)
    figure = plots.comparison(compared)
    places = sorted(axes(figure).lines[0].get_xdata())
    assert places == [one.rmse for one in compared.evaluations]
    rows = [label.get_text() for label in axes(figure).get_yticklabels()]
    assert rows == [one.model for one in compared.evaluations]


def test_differences_are_dots_with_their_intervals(movielens: Ratings) -> None:
    few = movielens.take(np.arange(3000))
    models = {"one": tm.GlobalMean().fit(few), "base": tm.BiasesOnly().fit(few)}
    compared = tm.compare(models, movielens.take(np.arange(3000, 4000)))
    figure = plots.differences(compared)
    assert compared.differences is not None
    one = compared.differences.each[0]
    (line,) = axes(figure).collections[0].get_segments()
    assert line[:, 0].tolist() == [one.low, one.high]
    assert axes(figure).lines[1].get_xdata()[0] == one.better_by
    assert axes(figure).get_xlabel().startswith("how much better than base by RMSE")
    lists = plots.comparison(compared, "ndcg@10")
    assert "larger is better" in axes(lists).get_xlabel()
    with pytest.raises(DataError, match="no two models with MAE"):
        plots.differences(compared, "mae")
    with pytest.raises(DataError, match="no model with nDCG@7"):
        plots.comparison(compared, "ndcg@7")


def test_biases_show_both_ends_of_the_ranking() -> None:
    titles = [f"Film {k}" for k in range(100)]
    figure = plots.item_biases(ranking_of(titles), n=3)
    shown = [label.get_text() for label in axes(figure).get_yticklabels()]
    assert shown == ["Film 0", "Film 1", "Film 2", "Film 97", "Film 98", "Film 99"]
    few = plots.item_biases(ranking_of(titles[:4]), n=3)
    assert [label.get_text() for label in axes(few).get_yticklabels()] == titles[:4]


def test_biases_have_error_bars_where_the_model_knows_how_sure_it_is() -> None:
    ranking = unsure(hostile_ratings()).item_biases()
    assert ranking.deviations is not None
    ends = [
        ranking.biases[[0, 1, -2, -1]] + s * ranking.deviations[[0, 1, -2, -1]] for s in (-2, 2)
    ]
    figure = plots.item_biases(ranking, n=2)
    lines = axes(figure).collections[1].get_segments()
    drawn = np.array([line[:, 0] for line in lines]).T
    np.testing.assert_allclose(drawn, ends, rtol=1e-6)
    assert "two standard deviations" in axes(figure).get_xlabel()
    plain = axes(plots.item_biases(made(hostile_ratings()).item_biases(), n=2))
    assert len(plain.collections) == 2
    assert "deviations" not in plain.get_xlabel()


def test_the_learning_rate_suggested_is_marked_on_the_curve() -> None:
    figure = plots.learning_rate(rates(0.01))
    mark = next(line for line in axes(figure).lines if line.get_marker() == "o")
    assert float(mark.get_xdata()[0]) == 0.01
    assert axes(figure).texts[0].get_text() == "take 0.01"
    assert not axes(plots.learning_rate(rates(None))).texts


def test_losses_that_are_not_numbers_are_left_out_of_the_learning_rates() -> None:
    curve = rates()
    losses = curve.losses.copy()
    losses[-5:] = [np.nan, np.inf, -np.inf, np.nan, np.inf]
    line = axes(plots.learning_rate(Rates(curve.learning_rates, losses, None))).lines[0]
    assert len(line.get_xdata()) == 45


def test_a_crosstab_has_a_number_for_each_rating_and_blanks_for_the_rest(small: Ratings) -> None:
    table = crosstab(small, 6, 5)
    figure = plots.crosstab(table)
    assert len(axes(figure).texts) == 14
    assert [label.get_text() for label in axes(figure).get_xticklabels()] == table.titles
    assert [label.get_text() for label in axes(figure).get_yticklabels()] == [
        "10", "20", "30", "40", "50", "60",
    ]  # fmt: skip


def test_a_search_shows_every_trial_and_the_best_so_far() -> None:
    axes = plots.tuning_history(searched()).axes[0]
    best, dots, ticks = (line for line in axes.get_lines() if len(line.get_xdata()) != 2)
    np.testing.assert_array_equal(dots.get_xdata(), [0, 1, 3])
    np.testing.assert_allclose(dots.get_ydata(), [0.2, 0.1, 0.3])
    np.testing.assert_allclose(best.get_ydata(), [0.2, 0.2, 0.3, 0.3])
    assert list(ticks.get_xdata()) == [2]
    assert axes.get_ylabel() == "nDCG@10"
    assert "as given" in {text.get_text() for text in axes.texts}


def test_a_search_shows_each_setting_with_the_best_in_colour() -> None:
    neighbours, rating = plots.tuning_slices(searched()).axes
    assert neighbours.get_xscale() == "log"
    dots, best = neighbours.get_lines()
    np.testing.assert_array_equal(dots.get_xdata(), [200, 20, 60])
    assert list(best.get_xdata()) == [60]
    assert best.get_color() == ACCENT
    ends = [label.get_text() for label in neighbours.get_xticklabels()]
    assert ends == ["10", "55", "300"]
    assert [label.get_text() for label in rating.get_xticklabels()] == ["None", "4.0"]
    np.testing.assert_array_equal(rating.get_lines()[0].get_xdata(), [0, 1, 1])


def test_what_cannot_be_drawn_is_said() -> None:
    with pytest.raises(DataError, match="no epoch"):
        plots.learning_curve(TrainingHistory())
    with pytest.raises(DataError, match="no item to draw"):
        plots.taste_map(map_of([]))
    with pytest.raises(DataError, match="no item bias"):
        plots.item_biases(ranking_of([]))
    with pytest.raises(DataError, match="too large"):
        plots.learning_rate(Rates(np.array([0.1, 1.0]), np.array([np.nan, np.inf]), None))


# How


def test_titles_reach_the_svg_as_text_and_nothing_else(
    pictures: dict[str, Figure], tmp_path: Path
) -> None:
    ranking = made(hostile_ratings()).item_biases()
    for figure in (pictures["map"], plots.item_biases(ranking, 60)):
        assert SCRIPT in svg_texts(figure, tmp_path)
    written = (tmp_path / "picture.svg").read_text(encoding="utf-8")
    assert "<script" not in written
    assert "<img" not in written


def test_pictures_go_into_axes_that_are_given(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    ratings = hostile_ratings()
    model = made(ratings)
    given = Figure((16, 9))
    left, right = given.subplots(1, 2)
    assert plots.taste_map(model.components(3).map(0, 2).popular(0, 20), ax=left) is given
    assert plots.learning_curve(model.history, ax=right) is given
    assert len(given.axes) == 2
    assert overlaps(drawn_labels(given)[1]) == []
    assert plots.save(given, tmp_path / "two.pdf").stat().st_size > 1000


def test_the_same_result_gives_the_same_bytes(pictures: dict[str, Figure], tmp_path: Path) -> None:
    ratings = hostile_ratings()
    for name, figure in every_picture(made(ratings), ratings).items():
        for kind in ("svg", "png"):
            first = plots.save(pictures[name], tmp_path / f"first.{kind}").read_bytes()
            second = plots.save(figure, tmp_path / f"second.{kind}").read_bytes()
            assert first == second, (name, kind)


def test_a_transparent_picture_has_no_background(tmp_path: Path) -> None:
    from matplotlib import image

    figure = plots.learning_curve(history())
    clear = image.imread(plots.save(figure, tmp_path / "clear.png", transparent=True))
    solid = image.imread(plots.save(figure, tmp_path / "solid.png"))
    assert clear[0, 0, 3] == 0
    assert solid[0, 0, 3] == 1


def test_settings_of_matplotlib_are_left_as_they_were() -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    plots.learning_curve(history())
    assert dict(mpl.rcParams) == before


def test_plots_are_cheap_to_import_and_never_touch_pyplot() -> None:
    code = """
import sys
from tastemap import plots
assert "matplotlib" not in sys.modules
from tests.report.made import history, unsure
plots.learning_curve(history())
assert "matplotlib" in sys.modules
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_without_matplotlib_the_extra_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Nothing(), *sys.meta_path])
    with pytest.raises(MissingExtraError, match=r"tastemap\[report\]"):
        plots.learning_curve(history())


class Nothing:
    """A finder that finds no matplotlib."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.split(".")[0] == "matplotlib":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_the_hostile_titles_are_those_the_report_is_tested_with() -> None:
    assert SCRIPT in HOSTILE
