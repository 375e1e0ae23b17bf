import subprocess
import sys
from pathlib import Path

import tastemap as tm
from tastemap.data.ratings import Ratings

SERVE = """
import sys, tastemap as tm
model = tm.load(sys.argv[1])
user = model.ratings.user_ids.raw(0)
model.predict(user), model.recommend(user), model.similar_items(model.ratings.item_ids.raw(0))
model.explain(user, model.ratings.item_ids.raw(0)), model.components(1)
print(*sys.modules)
"""


def test_what_serves_needs_neither_jax_nor_a_plotting_library(
    small: Ratings, tmp_path: Path
) -> None:
    tm.BiasedMF(factors=2, schedule=((1e-3, 1),), holdout=0).fit(small).save(tmp_path / "m")
    command = [sys.executable, "-c", SERVE, str(tmp_path / "m")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    heavy = {"jax", "optax", "numba", "matplotlib", "typer", "rich", "scipy"}
    assert heavy.intersection(done.stdout.split()) == set()
