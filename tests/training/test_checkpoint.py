"""A killed run goes on where it was, and ends as if nothing had happened."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.errors import TrainingError
from tastemap.training import checkpoint
from tastemap.training.gradient_recipes import GradientRecipe
from tastemap.training.history import Epoch, TrainingHistory
from tests.training.generated import ratings_with_taste

BIASED = tm.BiasedMF(factors=4, batch_size=64, schedule=((0.02, 7),), patience=2)
RECIPES: list[GradientRecipe] = [
    BIASED,
    dataclasses.replace(BIASED, holdout=0),
    tm.NeuralNet(factors=4, hidden=(5,), batch_size=64, schedule=((0.01, 5),), averaging=0.9),
]


class Killed(Exception):
    """Stands for the end of the process."""


class Kill:
    def __init__(self, phase: str, number: int) -> None:
        self._at = phase, number

    def __call__(self, epoch: Epoch) -> None:
        if (epoch.phase, epoch.number) == self._at:
            raise Killed


@pytest.fixture(scope="module")
def train() -> Ratings:
    return ratings_with_taste()


def without_times(history: TrainingHistory) -> list[Epoch]:
    return [dataclasses.replace(one, seconds=0) for one in (*history.search, *history.epochs)]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
@pytest.mark.parametrize("at", [("search", 1), ("search", 4), ("fit", 1), ("fit", 3)])
def test_a_resumed_run_ends_like_an_uninterrupted_one(
    recipe: GradientRecipe, at: tuple[str, int], train: Ratings, tmp_path: Path
) -> None:
    if not recipe.holdout:
        at = "fit", at[1]
    valid = train.take(np.arange(50))
    whole = recipe.fit(train, valid, seed=1)
    with pytest.raises(Killed):
        recipe.fit(train, valid, seed=1, on_epoch=Kill(*at), checkpoint=tmp_path)
    heard: list[Epoch] = []
    resumed = recipe.fit(train, valid, seed=1, on_epoch=heard.append, checkpoint=tmp_path)
    expected = whole.model.parameters()
    for name, array in resumed.model.parameters().items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)
    assert without_times(resumed.history) == without_times(whole.history)
    assert len(heard) < len(whole.history.search) + len(whole.history.epochs)
    assert dataclasses.replace(heard[0], seconds=0) != without_times(whole.history)[0]


def test_a_finished_run_is_not_run_again(train: Ratings, tmp_path: Path) -> None:
    first = BIASED.fit(train, checkpoint=tmp_path)
    heard: list[Epoch] = []
    again = BIASED.fit(train, checkpoint=tmp_path, on_epoch=heard.append)
    assert heard == []
    assert again.history == first.history
    for name, array in first.model.parameters().items():
        np.testing.assert_array_equal(array, again.model.parameters()[name])


def test_an_interrupted_run_can_be_resumed(train: Ratings, tmp_path: Path) -> None:
    def interrupt(epoch: Epoch) -> None:
        if epoch.number == 2:
            raise KeyboardInterrupt

    assert BIASED.fit(train, on_epoch=interrupt, checkpoint=tmp_path).history.stopped == (
        "interrupted"
    )
    resumed = BIASED.fit(train, checkpoint=tmp_path)
    assert without_times(resumed.history) == without_times(BIASED.fit(train).history)


def test_another_run_is_refused_with_what_differs(train: Ratings, tmp_path: Path) -> None:
    BIASED.fit(train, checkpoint=tmp_path)
    with pytest.raises(TrainingError, match=r"seed was 0 and is now 1\. Use the same"):
        BIASED.fit(train, seed=1, checkpoint=tmp_path)
    with pytest.raises(TrainingError, match=r"recipe\.l2 was 0\.15 and is now 0\.2\."):
        dataclasses.replace(BIASED, l2=0.2).fit(train, checkpoint=tmp_path)
    with pytest.raises(TrainingError, match=r"another run: training ratings was '"):
        BIASED.fit(train.take(np.arange(400)), checkpoint=tmp_path)
    with pytest.raises(TrainingError, match=r"another run: validation ratings was None"):
        BIASED.fit(train, train.take(np.arange(9)), checkpoint=tmp_path)
    with pytest.raises(TrainingError, match=r"recipe\.name was 'biased' and is now 'dot'"):
        tm.DotProduct().fit(train, checkpoint=tmp_path)
    with pytest.raises(TrainingError, match=r"recipe\.hidden was not there and is now"):
        tm.NeuralNet().fit(train, checkpoint=tmp_path)


KEY: dict[str, Any] = {"recipe": {"name": "x"}, "seed": 0}


def test_what_was_saved_is_read_back(tmp_path: Path) -> None:
    strided = np.arange(12, dtype=np.float32).reshape(3, 4).T
    arrays = {"a": strided, "n": np.array(7, np.int32)}
    assert checkpoint.load(tmp_path / "new", KEY) is None
    checkpoint.save(tmp_path / "new", arrays, {"phase": "fit"}, KEY)
    found = checkpoint.load(tmp_path / "new", KEY)
    assert found is not None
    np.testing.assert_array_equal(found[0]["a"], strided)
    assert found[0]["n"].shape == ()
    assert found[0]["n"] == 7
    assert found[1] == {"phase": "fit"}
    assert [path.name for path in (tmp_path / "new").iterdir()] == [checkpoint.FILE]


def test_damage_and_newer_formats_are_told(tmp_path: Path) -> None:
    path = tmp_path / checkpoint.FILE
    checkpoint.save(tmp_path, {"a": np.ones(3)}, {}, KEY)
    whole = path.read_bytes()
    for content in (whole[:-5], b"", b"something else", whole.replace(b'\\"seed', b'\\"sea\\"')):
        path.write_bytes(content)
        with pytest.raises(TrainingError, match="is not a checkpoint, or is damaged"):
            checkpoint.load(tmp_path, KEY)
    path.write_bytes(whole.replace(b'format\\": 1', b'format\\": 9'))
    with pytest.raises(TrainingError, match="has format 9, this version of tastemap reads 1"):
        checkpoint.load(tmp_path, KEY)
    save_file({"a": np.ones(2)}, path)
    assert load_file(path)
    with pytest.raises(TrainingError, match="is not a checkpoint"):
        checkpoint.load(tmp_path, KEY)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TrainingError, match="cannot write the checkpoint in"):
        checkpoint.save(tmp_path / "file", {"a": np.ones(2)}, {}, KEY)


@pytest.mark.slow
def test_a_process_killed_in_the_middle_of_training_goes_on(tmp_path: Path) -> None:
    script = """
import sys, tastemap as tm
from tests.training.generated import ratings_with_taste

recipe = tm.BiasedMF(factors=4, batch_size=2, schedule=((0.001, 40),), holdout=0)
fitted = recipe.fit(
    ratings_with_taste(),
    checkpoint=None if sys.argv[1] == "-" else sys.argv[1],
    on_epoch=lambda epoch: print(epoch.number, flush=True),
)
fitted.save(sys.argv[2])
"""

    def start(folder: str, out: str) -> subprocess.Popen[str]:
        arguments = [sys.executable, "-c", script, folder, str(tmp_path / out)]
        root = Path(__file__).parents[2]
        return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=root)

    killed = start(str(tmp_path / "state"), "killed")
    assert killed.stdout is not None
    for line in killed.stdout:
        if int(line) >= 5:
            break
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert not (tmp_path / "killed").exists()
    resumed, whole = start(str(tmp_path / "state"), "resumed"), start("-", "whole")
    numbers = [int(line) for line in resumed.communicate()[0].split()]
    whole.communicate()
    assert 5 < numbers[0] <= numbers[-1] == 40
    expected = tm.load(tmp_path / "whole").model.parameters()
    for name, array in tm.load(tmp_path / "resumed").model.parameters().items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)
