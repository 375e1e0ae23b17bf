import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import tastemap as tm
from tastemap import model_folder
from tastemap.data.ratings import Ratings
from tastemap.errors import ModelFolderError
from tests.conftest import SCRIPT, make_ratings
from tests.test_recommender import with_factors


def content(value: float = 1.0) -> model_folder.FolderContent:
    return model_folder.FolderContent(
        manifest={"note": "é"},
        arrays={"a": np.full((3, 2), value, np.float32)},
        users=pa.table({"user": [1, 2]}),
        items=pa.table({"item": ["x"]}),
    )


def test_predictions_after_loading_are_bit_identical(small: Ratings, tmp_path: Path) -> None:
    model = with_factors(small)
    loaded = tm.load(model.save(tmp_path / "m"))
    everyone = small.user_ids.ids.to_pylist()
    before, after = model.predict(everyone), loaded.predict(everyone)
    assert before.pairs.unclipped.tobytes() == after.pairs.unclipped.tobytes()
    assert before.to_dicts() == after.to_dicts()
    assert loaded.recommend(everyone, 5).to_dicts() == model.recommend(everyone, 5).to_dicts()
    assert loaded.ratings.fingerprint == small.fingerprint
    assert loaded.catalog.table.equals(small.catalog.table)
    assert loaded.recipe == model.recipe
    assert SCRIPT in loaded.catalog.titles


def test_times_weights_and_string_ids_survive(tmp_path: Path) -> None:
    ratings = make_ratings([("a", "x", 1.0), ("b", "y", 2.0)], times=[5, 6])
    loaded = tm.load(tm.GlobalMean().fit(ratings, ratings).save(tmp_path / "m"))
    assert loaded.ratings.times is not None
    assert loaded.ratings.times.tolist() == [5, 6]
    assert loaded.ratings.weights is None
    assert loaded.ratings.user_ids == ratings.user_ids
    assert loaded.evaluation is not None
    assert loaded.evaluation.rows == 2


def test_a_metadata_column_called_item_does_not_clash(tmp_path: Path) -> None:
    ratings = make_ratings([(1, 7, 1.0), (1, 8, 2.0)], metadata={"item": ["a", "b"]})
    loaded = tm.load(tm.GlobalMean().fit(ratings).save(tmp_path / "m"))
    assert loaded.catalog.table.to_pydict() == {"item": ["a", "b"]}
    assert loaded.ratings.item_ids.raws([0, 1]) == [7, 8]


def test_the_manifest_says_what_the_model_is(small: Ratings, tmp_path: Path) -> None:
    train = replace(small, part="train of a test")
    tm.BiasesOnly(user_damping=3).fit(train, small, seed=7).save(tmp_path / "m")
    manifest = json.loads((tmp_path / "m" / "manifest.json").read_text())
    assert manifest["format"] == 1
    assert manifest["recipe"]["name"] == "biases"
    assert manifest["recipe"]["settings"]["user_damping"] == 3
    assert manifest["seed"] == 7
    assert manifest["training_data"]["fingerprint"] == small.fingerprint
    assert manifest["training_data"]["split"] == "train of a test"
    assert manifest["evaluation"]["rows"] == len(small)
    assert set(manifest["sha256"]) == {"arrays.safetensors", "users.parquet", "items.parquet"}
    assert manifest["libraries"]["numpy"] == np.__version__


def test_saving_again_replaces_the_folder_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    for value in (1.0, 2.0):
        model_folder.write(tmp_path / "m", content(value))
    assert model_folder.read(tmp_path / "m").arrays["a"][0, 0] == 2.0
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_where_folders_cannot_be_swapped_two_renames_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_folder.ctypes, "CDLL", lambda *_, **__: object())
    test_saving_again_replaces_the_folder_and_leaves_nothing_beside_it(tmp_path)


def test_strided_arrays_are_not_scrambled(tmp_path: Path) -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    arrays = {
        "transposed": array.T,
        "every_other": array[:, ::2],
        "fortran": np.asfortranarray(array),
    }
    written = model_folder.FolderContent(
        manifest={}, arrays=arrays, users=pa.table({"u": [1]}), items=pa.table({"i": [1]})
    )
    model_folder.write(tmp_path / "m", written)
    for name, stored in model_folder.read(tmp_path / "m").arrays.items():
        np.testing.assert_array_equal(stored, arrays[name])


def test_a_folder_of_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "thesis.txt").write_text("years of work")
    with pytest.raises(ModelFolderError, match="exists and is not a model folder"):
        model_folder.write(tmp_path / "m", content())
    assert (tmp_path / "m" / "thesis.txt").read_text() == "years of work"


def test_a_failed_save_leaves_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_folder.write(tmp_path / "m", content(1.0))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_folder, "_sync", full)
    with pytest.raises(OSError, match="No space left"):
        model_folder.write(tmp_path / "m", content(2.0))
    assert model_folder.read(tmp_path / "m").arrays["a"][0, 0] == 1.0
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


KILLED = """
import sys, numpy as np, pyarrow as pa
from tastemap import model_folder as mf
value = 0
print("ready", flush=True)
while True:
    value += 1
    mf.write(sys.argv[1], mf.FolderContent(manifest={"value": value},
        arrays={"a": np.full((200, 50), value, np.float32)},
        users=pa.table({"u": [1]}), items=pa.table({"i": [1]})))
"""


def test_a_kill_leaves_a_whole_folder(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    model_folder.write(folder, content())
    random = np.random.default_rng(0)
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(float(random.uniform(0.02, 0.3)))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        stored = model_folder.read(folder)
        if "value" in stored.manifest:
            assert np.all(stored.arrays["a"] == stored.manifest["value"])


LOADED = """
import os, sys, tastemap
tastemap.load(sys.argv[1])
threads = (open(f"/proc/self/task/{one}/comm").read() for one in os.listdir("/proc/self/task"))
print(sum("jemalloc" not in name for name in threads))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_loading_leaves_no_thread_with_bytes_of_python(small: Ratings, tmp_path: Path) -> None:
    # One that lets go of them while the program ends aborts it, once in thousands of times.
    folder = tm.GlobalMean().fit(small).save(tmp_path / "m")
    out = subprocess.run(
        [sys.executable, "-c", LOADED, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    assert out.stdout == "1\n"


@pytest.mark.parametrize("name", ["arrays.safetensors", "users.parquet", "items.parquet"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, damage: str) -> None:
    model_folder.write(tmp_path / "m", content())
    path = tmp_path / "m" / name
    stored = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        half = len(stored) // 2
        flipped = stored[:half] + bytes([stored[half] ^ 1]) + stored[half + 1 :]
        path.write_bytes(stored[:half] if damage == "truncated" else flipped)
    with pytest.raises(ModelFolderError, match=name):
        model_folder.read(tmp_path / "m")


def edit(folder: Path, **changes: object) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest.update(changes)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_an_altered_manifest_is_refused(tmp_path: Path) -> None:
    model_folder.write(tmp_path / "m", content())
    edit(tmp_path / "m", note="changed")
    with pytest.raises(ModelFolderError, match=r"manifest.json was altered"):
        model_folder.read(tmp_path / "m")


def test_a_newer_format_says_what_to_do(tmp_path: Path) -> None:
    model_folder.write(tmp_path / "m", content())
    edit(tmp_path / "m", format=99)
    with pytest.raises(ModelFolderError, match="format 99, this tastemap reads up to 1: pip"):
        model_folder.read(tmp_path / "m")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": "1"}', '{"format": true}', "\xff"])
def test_a_manifest_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    model_folder.write(tmp_path / "m", content())
    (tmp_path / "m" / "manifest.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelFolderError, match=r"manifest\.json"):
        model_folder.read(tmp_path / "m")


def test_a_missing_folder_and_an_empty_one_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match="there is no model folder"):
        tm.load(tmp_path / "none")
    (tmp_path / "m").mkdir()
    with pytest.raises(ModelFolderError, match="is not a model folder: it has no"):
        tm.load(tmp_path / "m")


def test_a_whole_folder_of_something_else_is_no_model(tmp_path: Path) -> None:
    model_folder.write(tmp_path / "m", content())
    with pytest.raises(ModelFolderError, match="does not hold a whole model"):
        tm.load(tmp_path / "m")


def test_arrays_of_other_users_are_refused(small: Ratings, tmp_path: Path) -> None:
    model = tm.GlobalMean().fit(small)
    model.save(tmp_path / "m")
    stored = model_folder.read(tmp_path / "m")
    arrays = {**stored.arrays, "model.user_bias": np.zeros(3, np.float32)}
    manifest = {k: v for k, v in stored.manifest.items() if k not in ("format", "sha256")}
    changed = model_folder.FolderContent(
        manifest=manifest, arrays=arrays, users=stored.users, items=stored.items
    )
    model_folder.write(tmp_path / "m", changed)
    with pytest.raises(ModelFolderError, match="the arrays are of other users and items"):
        tm.load(tmp_path / "m")


def test_an_unknown_kind_of_model_is_never_imported(small: Ratings, tmp_path: Path) -> None:
    tm.GlobalMean().fit(small).save(tmp_path / "m")
    stored = model_folder.read(tmp_path / "m")
    manifest = {**stored.manifest, "model": "os.system"}
    changed = model_folder.FolderContent(
        manifest=manifest, arrays=stored.arrays, users=stored.users, items=stored.items
    )
    model_folder.write(tmp_path / "m", changed)
    with pytest.raises(ModelFolderError, match="does not hold a whole model: KeyError"):
        tm.load(tmp_path / "m")
