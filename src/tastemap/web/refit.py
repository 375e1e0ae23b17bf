"""Training again, with what users said, in a process of its own; what is worse stays out.

The server starts it and does not wait. How it goes stands in a file of the models' folder, so
that every worker can tell. A lock, which the system lets go of when the process ends, however it
ends, says whether it still runs.

Is the new model as good? The live model has seen the ratings it would be measured on, so both are
trained for the comparison, in the same way and with the same seed: one on the live model's
ratings, one on these with the feedback, both without a part of the latter, on which both are
measured (`tastemap.compare`). Only then is one trained on everything.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError, ModelFolderError, TastemapError
from tastemap.evaluation.compare import Difference, compare
from tastemap.evaluation.evaluate import predicts_ratings
from tastemap.randomness import stream
from tastemap.recommender import Recommender, load
from tastemap.training.history import Epoch
from tastemap.web.schemas.admin import Refit, RefitOptions
from tastemap.web.shelf import named_live, write_live

if TYPE_CHECKING:
    from tastemap.web.shelf import Shelf

WORSE = 0.01
"""A new model is worse if its measure is so much worse, as a share of the old one's, also where
that may be luck."""

_STATUS, _LOCK, _FEEDBACK = "refit.json", "refit.lock", "refit-feedback.parquet"
_FITS = ("fitting without the feedback", "fitting with it", "fitting on everything")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a process that trains again is told.

    Attributes:
        root: the folder of the models.
        asked: the model that the server was started with.
        live: the model that is live, which is to be replaced.
        new: name of the new model's folder.
        seed: of everything random.
        holdout: share of the ratings to compare on.
        lock: descriptor of the lock, which the process holds while it works.
    """

    root: str
    asked: str
    live: str
    new: str
    seed: int
    holdout: float
    lock: int


class Running(TastemapError):
    """A refit is running already."""


# In the server


def start(shelf: Shelf, asked: RefitOptions) -> tuple[subprocess.Popen[bytes], Refit]:
    """Begin to train again.

    Returns:
        The process, and how it begins.

    Raises:
        Running: one is running already.
        StoreError: the feedback cannot be read.
        ConfigError: this system has no locks of files.
    """
    lock = _locked(shelf.root)
    if lock is None:
        raise Running("a refit is running already: see GET /admin/refit")
    try:
        assert shelf.store is not None  # noqa: S101  # a server has one
        shelf.store.export(shelf.root / _FEEDBACK)
        name = f"{shelf.asked}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
        job = Job(
            root=str(shelf.root),
            asked=shelf.asked,
            live=shelf.live.name,
            new=name,
            seed=asked.seed,
            holdout=asked.holdout,
            lock=lock,
        )
        began = Refit(
            state="running", step="starting", model=job.live, new=name, started=time.time()
        )
        _write(shelf.root, began)
        command = [sys.executable, "-m", "tastemap.web.refit", json.dumps(asdict(job))]
        # The lock is the child's from here on.
        child = subprocess.Popen(command, pass_fds=(lock,), stdin=subprocess.DEVNULL)  # noqa: S603
    finally:
        os.close(lock)
    return child, began


def status(root: Path) -> Refit:
    """How a refit goes on, or how the last one went."""
    try:
        found = msgspec.json.decode((root / _STATUS).read_bytes(), type=Refit)
    except FileNotFoundError:
        return Refit(state="none")
    if found.state == "running":
        lock = _locked(root)
        if lock is not None:
            os.close(lock)
            found.state, found.detail = "failed", "the process ended before its work was done"
    return found


def _locked(root: Path) -> int | None:
    """The lock, held; None if somebody else holds it."""
    try:
        import fcntl
    except ImportError:
        raise ConfigError(
            "refitting from the server needs Linux or macOS: use tastemap fit --with-feedback"
        ) from None
    descriptor = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _write(root: Path, told: Refit) -> None:
    part = root / f"{_STATUS}.part"
    part.write_bytes(msgspec.json.encode(told))
    part.replace(root / _STATUS)


# In the process that trains


def main() -> None:
    """Train again, as the first argument says."""
    job = Job(**json.loads(sys.argv[1]))
    if hasattr(os, "nice"):
        os.nice(10)  # answering goes first
    root = Path(job.root)
    told = msgspec.json.decode((root / _STATUS).read_bytes(), type=Refit)
    try:
        run(job, told, lambda: _write(root, told))
    except TastemapError as error:
        told.state, told.detail = "failed", str(error)
    except KeyboardInterrupt:
        told.state, told.detail = "failed", "interrupted"
    except BaseException as error:
        told.state, told.detail = "failed", f"{type(error).__name__}: see the log of the server"
        raise
    finally:
        told.ended = time.time()
        (root / _FEEDBACK).unlink(missing_ok=True)
        _write(root, told)
        os.close(job.lock)


def run(job: Job, told: Refit, tell: Callable[[], None]) -> None:
    """Compare, train, and let the new model go live if it is not worse.

    Args:
        job: what to do.
        told: how it goes on; changed as it does.
        tell: called when it has changed.
    """
    import pyarrow.parquet as pq

    root = Path(job.root)
    live = load(root / job.live)
    merged = live.ratings.with_feedback(pq.read_table(root / _FEEDBACK))
    if merged.fingerprint == live.ratings.fingerprint:
        told.state = "refused"
        told.detail = "there is no feedback that the live model has not been trained on"
        return
    kept, test = divided(merged, job.holdout, job.seed)
    fitted: list[Recommender] = []
    for number, train in enumerate((without(live.ratings, test), kept)):
        fitted.append(_fit(live, train, job.seed, number, told, tell))
    told.step = "comparing"
    tell()
    measure(fitted[0], fitted[1], test, told)
    if told.detail:
        told.state = "refused"
        return
    whole = _fit(live, merged, job.seed, 2, told, tell)
    if live.liking is not None:
        whole = whole.with_liking()
    whole.save(root / job.new)
    now = named_live(root, job.asked)
    if now != job.live:
        told.state = "refused"
        told.detail = f"{now!r} went live meanwhile; the new model is saved: reload it by name"
        return
    write_live(root, job.asked, job.new)
    told.state, told.step, told.progress = "live", "done", 1.0


def _fit(
    live: Recommender,
    train: Ratings,
    seed: int,
    number: int,
    told: Refit,
    tell: Callable[[], None],
) -> Recommender:
    told.step, told.progress = _FITS[number], number / len(_FITS)
    tell()

    def heard(epoch: Epoch) -> None:
        told.progress = (number + epoch.number / max(epoch.of, 1)) / len(_FITS)
        tell()

    fitted = live.recipe.fit(train, seed=seed, on_epoch=heard)
    if fitted.history.stopped == "interrupted":
        raise KeyboardInterrupt
    return fitted


def divided(merged: Ratings, holdout: float, seed: int) -> tuple[Ratings, Ratings]:
    """Ratings to train on, and ratings to measure on.

    Raises:
        ConfigError: there are too few to keep some back.
    """
    size = round(holdout * len(merged))
    if not 0 < size < len(merged):
        raise ConfigError(f"{len(merged)} ratings are too few to keep {holdout:g} of them back")
    chosen = np.zeros(len(merged), np.bool_)
    chosen[stream(seed, "refit/holdout").choice(len(merged), size, replace=False)] = True
    return merged.take(~chosen), merged.take(chosen)


def without(ratings: Ratings, test: Ratings) -> Ratings:
    """Ratings without the pairs of user and item that are tested on."""
    users = ratings.user_ids.codes(test.user_ids.ids.to_pylist())[test.users]
    items = ratings.item_ids.codes(test.item_ids.ids.to_pylist())[test.items]
    known = (users >= 0) & (items >= 0)
    width = np.int64(ratings.n_items)
    tested = users[known] * width + items[known]
    return ratings.take(~np.isin(ratings.users * width + ratings.items, tested))


def measure(before: Recommender, after: Recommender, test: Ratings, told: Refit) -> None:
    """Measure both on the same ratings; ``told.detail`` says why the new one is worse, if it is."""
    k = None if predicts_ratings(before) else 10
    found = compare({"before": before, "after": after}, test, k=k)
    difference = _of_first(found.differences.each if found.differences else ())
    by_name = {one.model: one.measures[difference.measure] for one in found.evaluations}
    sign = 1 if difference.model == "after" else -1
    ends = sorted((sign * difference.low, sign * difference.high))
    told.measure, told.before, told.after = difference.measure, by_name["before"], by_name["after"]
    told.better_by, (told.low, told.high) = sign * difference.better_by, ends
    by = f"{difference.measure} {told.after:.4f} after {told.before:.4f}"
    if difference.sure and told.better_by < 0:
        told.detail = f"the new model is worse, and that is more than luck: {by}"
    elif told.better_by < -WORSE * abs(told.before):
        told.detail = f"the new model is worse by more than {WORSE:.0%}: {by}"


def _of_first(each: tuple[Difference, ...]) -> Difference:
    if not each:
        raise ModelFolderError("the models could not be compared: no test rating says anything")
    return each[0]


if __name__ == "__main__":
    main()
