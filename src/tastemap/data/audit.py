"""Looking at ratings before anything is trained on them: sizes, gaps, oddities, costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from tastemap import arguments
from tastemap.arrays import AnyArray, Codes, Int64s
from tastemap.data.ratings import Ratings
from tastemap.data.reading.duplicates import RESOLVED, repeated_rows
from tastemap.tables import Table

Severity = Literal["ok", "note", "warning"]

_HOUR, _DAY = 3600, 86_400
_ENOUGH = 20
"""Ratings from which on it says something that all of a user's are equal, or of one hour."""
_BURST = 10
"""A day is a burst when it has this many times the ratings of the median day with any."""
_BURST_SHARE = 0.01
"""... and this share of all ratings."""
_FEW_VALUES = 50
"""With more distinct values than this, ratings are not on a scale of steps."""

# Measured with BiasedMF() on a 2-core x86 server, Python 3.11, JAX on CPU: 100,000, 500,000 and
# 2,000,000 ratings of 10,000 to 61,000 users and items, 10 to 100 factors. Each step of Adam
# passes over all parameters: 2.0e-9 to 2.6e-9 seconds of one core a parameter and step. With the
# defaults there is a step every 1,024 ratings, and about 40 epochs (19 to choose their number,
# and training anew); loading and compiling takes 3 seconds.
_SECONDS_PER_PARAMETER, _BATCH, _EPOCHS, _SECONDS_TO_START = 2.4e-9, 1024, 40, 3.0
# The same runs: peak memory of the process beyond 0.4 GB of libraries went with 160 bytes a
# rating and 6 copies of the parameters.
_LIBRARIES, _BYTES_PER_RATING, _COPIES = 4e8, 160, 6


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        check: what was looked at.
        value: what was found, in words.
        severity: ``"ok"``, ``"note"`` (good to know) or ``"warning"`` (likely to spoil a model).
        advice: what to do about it; empty where nothing needs to be done.
        number: the finding as one number, where it is one.
    """

    check: str
    value: str
    severity: Severity = "ok"
    advice: str = ""
    number: float | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Audit(Table):
    """What an audit found; a table with the columns check, value, severity, advice.

    Attributes:
        name: of the ratings.
        findings: one a check, in the order they were made.
    """

    name: str
    findings: tuple[Finding, ...]

    def columns(self) -> Mapping[str, Sequence[Any]]:
        """The findings, one a row."""
        return {
            name: [getattr(finding, name) for finding in self.findings]
            for name in ("check", "value", "severity", "advice")
        }

    @property
    def caption(self) -> str:
        """What was audited, and how many warnings there are."""
        n = len(self.warnings)
        return f"audit of {self.name}: {n or 'no'} warning{'' if n == 1 else 's'}"

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that are likely to spoil a model."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    def __getitem__(self, check: str) -> Finding:
        """The finding of one check."""
        for finding in self.findings:
            if finding.check == check:
                return finding
        raise KeyError(f"no check {check!r}: there are {', '.join(f.check for f in self.findings)}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values: the name, and the findings with their numbers."""
        return {"name": self.name, "findings": [asdict(finding) for finding in self.findings]}


def audit(ratings: Ratings, factors: int = 50) -> Audit:
    """Look at ratings before a model is trained on them.

    Args:
        ratings: as read.
        factors: size of the model whose memory and training time are estimated.

    Returns:
        Findings with their severity and what to do about them. Time and memory of training are
        estimates.

    Raises:
        ConfigError: ``factors`` is below 1.

    Example:
        >>> from tastemap.data.datasets import load_dataset
        >>> print(audit(load_dataset())["scale"].value)
        0.5 to 5 in steps of 0.5, mean 3.54
    """
    arguments.ratings("ratings", ratings)
    arguments.integer("factors", factors, 1)
    findings = [Finding(ratings.noun, f"{len(ratings):,}", number=len(ratings))]
    if not len(ratings):
        findings[0] = Finding(ratings.noun, "none", "warning", "there is nothing to train on", 0)
        return Audit(ratings.name, tuple(findings))
    findings += _sizes(ratings)
    findings += _scale(ratings)
    findings.append(_duplicates(ratings))
    findings += _activity(ratings.user_counts, "user", ratings.noun)
    findings += _activity(ratings.item_counts, "item", ratings.noun)
    if ratings.explicit:
        findings.append(_constant_users(ratings))
    findings += _times(ratings)
    findings += _costs(ratings, factors)
    return Audit(ratings.name, tuple(findings))


def _sizes(ratings: Ratings) -> Iterator[Finding]:
    users = int(np.count_nonzero(ratings.user_counts))
    items = int(np.count_nonzero(ratings.item_counts))
    yield Finding("users", f"{users:,}", number=users)
    yield Finding("items", f"{items:,}", number=items)
    for counts, noun in ((ratings.user_counts, "user"), (ratings.item_counts, "item")):
        unseen = int(np.count_nonzero(counts == 0))
        if unseen:
            yield Finding(
                f"{noun}s without {ratings.noun} here",
                f"{unseen:,}",
                "note",
                f"a model knows nothing of these {noun}s",
                unseen,
            )
    density = len(ratings) / (users * items)
    yield Finding("density", f"{density:.3%} of all pairs of user and item", number=density)


def _scale(ratings: Ratings) -> Iterator[Finding]:
    if not ratings.explicit:
        yield _strength(ratings)
        return
    values, counts = np.unique(ratings.values, return_counts=True)
    low, high = float(values[0]), float(values[-1])
    mean = f"mean {ratings.mean:.2f}"
    if len(values) == 1:
        advice = "there is nothing to predict: if these are purchases or views, not ratings, read "
        advice += "them with rating=False"
        yield Finding("scale", f"every rating is {low:g}", "warning", advice, low)
        return
    step = scale_step(values)
    if len(values) == 2:
        said, severity = f"two values, {low:g} and {high:g}, {mean}", "note"
        advice = "yes or no: predictions are shares between the two, not stars"
    elif step is not None:
        said, severity, advice = f"{low:g} to {high:g} in steps of {step:g}, {mean}", "ok", ""
    else:
        said = f"{low:g} to {high:g}, {len(values):,} distinct values, {mean}"
        severity, advice = "note", "not a scale of steps: is it the right column?"
    yield Finding("scale", said, severity, advice, step)  # type: ignore[arg-type]
    yield from _odd_values(values, counts)


def _strength(ratings: Ratings) -> Finding:
    # What interactions have in place of a scale.
    weights = ratings.weights
    if weights is None:
        return Finding("scale", "interactions, without ratings; each counts alike")
    said = f"interactions, without ratings; weights {weights.min():g} to {weights.max():g}, "
    return Finding("scale", said + f"median {np.median(weights):g}")


def scale_step(values: AnyArray) -> float | None:
    """The step of which all differences are multiples; None: there is none, or too many values.

    Args:
        values: the distinct ratings, rising, at least two.
    """
    if len(values) > _FEW_VALUES:
        return None
    gaps = np.diff(values.astype(np.float64))
    step = float(gaps.min())
    multiples = gaps / step
    return round(step, 6) if np.allclose(multiples, np.round(multiples), atol=1e-3) else None


def _odd_values(values: Any, counts: Int64s) -> Iterator[Finding]:
    # Values at an end that look like a code for "no rating" rather than a rating.
    if not 3 <= len(values) <= _FEW_VALUES:
        return
    advice = "a code for 'no rating'? if so, remove these rows: a model would learn them"
    low, high = float(values[0]), float(values[-1])
    gaps = np.diff(values.astype(np.float64))
    typical = float(np.median(gaps))
    for value, count, gap in ((low, counts[0], gaps[0]), (high, counts[-1], gaps[-1])):
        share = count / counts.sum()
        lonely = gap > 3 * typical
        below = value == low < 0 <= values[1]
        zeros = value == low == 0 and count == counts.max() and high >= 5
        if lonely or below or zeros:
            said = f"{value:g} occurs {count:,} times ({share:.1%}), apart from the other values"
            if zeros and not lonely:
                said = f"0 is the most frequent value ({count:,} times, {share:.1%})"
            yield Finding("odd value", said, "warning", advice, value)


def _duplicates(ratings: Ratings) -> Finding:
    rows = len(repeated_rows(ratings))
    if rows:
        said = f"{rows:,} {ratings.noun} share their user and item with another"
        other = "mean" if ratings.explicit else "count"
        advice = f'read them with duplicates="last" or "{other}"'
        return Finding("duplicates", said, "warning", advice, rows)
    resolved = next((note for note in ratings.notes if RESOLVED in note), None)
    if resolved:
        return Finding("duplicates", f"resolved in reading: {resolved}", "note", number=0)
    said = f"no user {'rated an item' if ratings.explicit else 'has an item'} twice"
    return Finding("duplicates", said, number=0)


def _activity(counts: Int64s, noun: str, rows: str) -> Iterator[Finding]:
    active = counts[counts > 0]
    said = f"{active.min():,} to {active.max():,}, median {np.median(active):,.0f}"
    yield Finding(f"{rows} per {noun}", said, number=float(np.median(active)))
    single = int(np.count_nonzero(active == 1))
    share = single / len(active)
    advice = ""
    if single:
        advice = f"a model can say little about these {noun}s"
        if noun == "item":
            advice += "; leave them out of rankings with min_ratings"
    severity: Severity = "warning" if share > 0.5 else "note" if single else "ok"
    yield Finding(
        f"{noun}s with one {rows[:-1]}", f"{single:,} ({share:.1%})", severity, advice, single
    )


def _constant_users(ratings: Ratings) -> Finding:
    many = ratings.user_counts >= _ENOUGH
    lowest = np.full(ratings.n_users, np.inf)
    highest = np.full(ratings.n_users, -np.inf)
    np.minimum.at(lowest, ratings.users, ratings.values)
    np.maximum.at(highest, ratings.users, ratings.values)
    constant = int(np.count_nonzero(many & (lowest == highest)))
    said = f"{constant:,} of {np.count_nonzero(many):,} with {_ENOUGH} ratings or more"
    advice = "they say nothing of what is liked more than what" if constant else ""
    check = "users whose ratings are all equal"
    return Finding(check, said, "note" if constant else "ok", advice, constant)


def _times(ratings: Ratings) -> Iterator[Finding]:
    times = ratings.times
    if times is None:
        advice = "splits by time cannot be made; the last of duplicates is the last row"
        yield Finding("time span", "no times", "note", advice)
        return
    first, last = int(times.min()), int(times.max())
    days = (last - first) / _DAY
    said = f"{_day(first)} to {_day(last)}, {days:,.0f} days"
    advice, severity = "", "ok"
    if first <= 0:
        severity = "warning"
        advice = f"times of 1970 or before, probably unknown: {np.count_nonzero(times <= 0):,}"
    yield Finding("time span", said, severity, advice, days)  # type: ignore[arg-type]
    yield _hasty_users(ratings, times)
    yield _sudden_items(ratings, times)
    yield _busy_days(times)


def _hasty_users(ratings: Ratings, times: Int64s) -> Finding:
    many = ratings.user_counts >= _ENOUGH
    first, last = _spans(ratings.users, times, ratings.n_users)
    hasty = int(np.count_nonzero(many & (last - first < _HOUR)))
    said = f"{hasty:,} of {np.count_nonzero(many):,} users with {_ENOUGH} ratings or more gave all "
    said += "within an hour"
    advice = ""
    if hasty:
        advice = "rated from memory, or not by people: their times say little about their taste"
    return Finding("bursts of users", said, "note" if hasty else "ok", advice, hasty)


def _spans(codes: Codes, times: Int64s, n: int) -> tuple[Int64s, Int64s]:
    # First and last time of each code; 0 and 0 where there is none.
    first = np.full(n, np.iinfo(np.int64).max)
    last = np.full(n, np.iinfo(np.int64).min)
    np.minimum.at(first, codes, times)
    np.maximum.at(last, codes, times)
    none = first > last
    first[none] = last[none] = 0
    return first, last


def _sudden_items(ratings: Ratings, times: Int64s) -> Finding:
    days = times // _DAY
    days -= days.min()
    pairs = ratings.items.astype(np.int64) * (days.max() + 1) + days
    seen, counts = np.unique(pairs, return_counts=True)
    most = np.zeros(ratings.n_items, np.int64)
    np.maximum.at(most, seen // (days.max() + 1), counts)
    many = ratings.item_counts >= _ENOUGH
    sudden = int(np.count_nonzero(many & (2 * most > ratings.item_counts)))
    said = f"{sudden:,} of {np.count_nonzero(many):,} items with {_ENOUGH} ratings or more got "
    said += "most of them on one day"
    advice = "an import, or a campaign for or against them" if sudden else ""
    return Finding("bursts of items", said, "note" if sudden else "ok", advice, sudden)


def _busy_days(times: Int64s) -> Finding:
    days, counts = np.unique(times // _DAY, return_counts=True)
    median = float(np.median(counts))
    busy = (counts > _BURST * median) & (counts >= _BURST_SHARE * len(times))
    n, share = int(np.count_nonzero(busy)), counts[busy].sum() / counts.sum()
    said = f"{n:,} of {len(days):,} days have over {_BURST} times the median day's ratings and "
    said += f"{_BURST_SHARE:.0%} of all"
    if not n:
        return Finding("bursts of days", said, number=0)
    most = int(counts.argmax())
    said += f": {share:.1%} together, most on {_day(int(days[most]) * _DAY)} ({counts[most]:,})"
    advice = "an import, or a campaign: times of such days say little about when taste was formed"
    return Finding("bursts of days", said, "note", advice, n)


def _costs(ratings: Ratings, factors: int) -> Iterator[Finding]:
    columns = (ratings.users, ratings.items, ratings.values, ratings.times, ratings.weights)
    held = sum(column.nbytes for column in columns if column is not None)
    yield Finding(f"memory of the {ratings.noun}", _size(held), number=held)
    if not ratings.explicit:
        return
    n, parameters = len(ratings), (ratings.n_users + ratings.n_items) * (factors + 1)
    memory = _LIBRARIES + n * _BYTES_PER_RATING + parameters * 4 * _COPIES
    seconds = _SECONDS_TO_START
    seconds += _EPOCHS * -(-n // _BATCH) * parameters * _SECONDS_PER_PARAMETER
    what = f"BiasedMF, {factors} factors"
    yield Finding(f"estimate: memory to train {what}", f"about {_size(memory)}", number=memory)
    said = f"about {_duration(seconds)} of one core"
    yield Finding(f"estimate: time to train {what}", said, number=seconds)


def _size(n_bytes: float) -> str:
    for unit in ("B", "kB", "MB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} GB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def _day(seconds: int) -> str:
    return str(np.datetime64(seconds, "s"))[:10]
