"""Audits: what is looked at, what is a warning, and what they cost to believe."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import tastemap as tm
from tastemap.data.audit import _duration, _size, audit
from tastemap.data.ratings import Ratings
from tastemap.data.readers import read_ratings
from tastemap.errors import ConfigError

DAY = 86_400


def make(values: Any, *, times: Any = None, **columns: Any) -> Ratings:
    n = len(values)
    table = {"user": [row // 10 for row in range(n)], "item": [row % 10 for row in range(n)]}
    table |= {"rating": list(values)} | columns
    if times is not None:
        table["time"] = list(times)
    return read_ratings(pa.table(table))


def test_the_bundled_ratings_have_no_warnings(movielens: Ratings) -> None:
    looked = tm.audit(movielens)
    assert looked.warnings == ()
    assert looked.caption == "audit of movielens-small: no warnings"
    found = {finding.check: finding for finding in looked.findings}
    assert found["ratings"].number == 100_004
    assert found["users"].value == "671"
    assert found["items"].value == "9,066"
    assert found["density"].number == pytest.approx(100_004 / (671 * 9_066))
    assert found["scale"].value == "0.5 to 5 in steps of 0.5, mean 3.54"
    assert found["scale"].number == 0.5
    assert found["duplicates"].number == 0
    assert found["users with one rating"].number == 0
    assert found["items with one rating"].number == 3_063
    assert found["items with one rating"].severity == "note"
    assert found["ratings per user"].value == "20 to 2,391, median 71"
    assert found["time span"].value == "1995-01-09 to 2016-10-16, 7,951 days"
    assert found["bursts of users"].number == 322
    assert found["bursts of days"].number == 3
    assert found["memory of the ratings"].value == "2 MB"


def test_an_audit_is_a_table_and_plain_values(movielens: Ratings) -> None:
    looked = audit(movielens)
    assert list(looked.columns()) == ["check", "value", "severity", "advice"]
    assert len(looked) == len(looked.findings)
    assert looked["users"].number == 671
    with pytest.raises(KeyError, match="no check 'user': there are ratings, users"):
        looked["user"]
    plain = json.loads(json.dumps(looked.to_dict()))
    assert plain["name"] == "movielens-small"
    assert plain["findings"][1] == {
        "check": "users",
        "value": "671",
        "severity": "ok",
        "advice": "",
        "number": 671,
    }
    assert "0.5 to 5 in steps of 0.5" in str(looked)
    assert looked.to_arrow().column_names == ["check", "value", "severity", "advice"]


@pytest.mark.parametrize(
    ("values", "value", "severity"),
    [
        ([1, 2, 3, 4, 5] * 20, "1 to 5 in steps of 1, mean 3.00", "ok"),
        ([0.5, 1.0, 4.5, 5.0] * 25, "0.5 to 5 in steps of 0.5, mean 2.75", "ok"),
        ([1, 4, 10] * 30, "1 to 10 in steps of 3, mean 5.00", "ok"),
        ([0, 1] * 50, "two values, 0 and 1, mean 0.50", "note"),
        ([1] * 50, "every rating is 1", "warning"),
        (list(np.linspace(0, 1, 100)), "0 to 1, 100 distinct values, mean 0.50", "note"),
        ([1, 1.37, 2, 2.2] * 5, "1 to 2.2, 4 distinct values, mean 1.64", "note"),
    ],
)
def test_the_scale_is_guessed(values: Any, value: str, severity: str) -> None:
    finding = audit(make(values))["scale"]
    assert (finding.value, finding.severity) == (value, severity)
    assert bool(finding.advice) == (severity != "ok")


@pytest.mark.parametrize(
    ("values", "odd"),
    [
        ([1, 2, 3, 4, 5] * 20, None),
        ([-1, 1, 2, 3, 4, 5] * 10, -1),
        ([-2, -1, 0, 1, 2] * 10, None),
        ([1, 2, 3, 4, 99] * 10, 99),
        ([0, 0, 0, 5, 6, 7, 8, 9, 10] * 10, 0),
        ([0, 1, 2, 3, 4, 5] * 10, 0),
        ([0, 1, 2, 3, 4, 5, 5] * 10, None),
    ],
)
def test_values_that_look_like_codes_for_no_rating_are_warned_of(values: Any, odd: Any) -> None:
    findings = [one for one in audit(make(values)).findings if one.check == "odd value"]
    assert [one.number for one in findings] == ([] if odd is None else [odd])
    assert all(one.severity == "warning" and "remove these rows" in one.advice for one in findings)


def test_duplicates_are_warned_of_or_said_to_be_resolved() -> None:
    table = pa.table({"user": [1, 1, 2], "item": [1, 1, 1], "rating": [1, 2, 3]})
    read = read_ratings(table)
    finding = audit(read)["duplicates"]
    assert finding.severity == "note"
    assert finding.value.startswith("resolved in reading: repeated pairs of user and item: 1;")
    twice = read.take(np.array([0, 1, 1]))
    finding = audit(twice)["duplicates"]
    assert (finding.number, finding.severity) == (2, "warning")


def test_users_and_items_with_little_are_counted() -> None:
    table = {"user": [1, 2, 3, 3], "item": [1, 2, 3, 4], "rating": [1, 2, 3, 4]}
    looked = audit(read_ratings(pa.table(table)))
    assert looked["users with one rating"].value == "2 (66.7%)"
    assert looked["users with one rating"].severity == "warning"
    assert looked["items with one rating"].number == 4
    part = read_ratings(pa.table(table)).take(np.array([0, 1]))
    looked = audit(part)
    assert looked["users without ratings here"].number == 1
    assert looked["items without ratings here"].number == 2
    assert looked["density"].number == pytest.approx(0.5)


def test_users_who_rate_everything_alike_are_counted() -> None:
    users = [1] * 25 + [2] * 25 + [3] * 5
    table = {"user": users, "item": list(range(25)) * 2 + list(range(5))}
    table["rating"] = [4] * 25 + [4] * 24 + [5] + [1] * 5
    finding = audit(read_ratings(pa.table(table)))["users whose ratings are all equal"]
    assert (finding.value, finding.severity) == ("1 of 2 with 20 ratings or more", "note")


def test_bursts_of_users_items_and_days_are_counted() -> None:
    rng = np.random.default_rng(0)
    users, items, times = [], [], []
    for user in range(100):
        for item in range(20):
            users.append(user)
            items.append(item)
            # One user within minutes; one item mostly on one day; the rest over 200 days.
            day = 7 if user == 0 or (item == 3 and user % 2) else int(rng.integers(0, 200))
            times.append(1_500_000_000 + day * DAY + (item * 60 if user == 0 else user))
    table = {"user": users, "item": items, "rating": [1 + row % 5 for row in range(2000)]}
    looked = audit(read_ratings(pa.table(table | {"time": times})))
    assert looked["bursts of users"].value == (
        "1 of 100 users with 20 ratings or more gave all within an hour"
    )
    assert looked["bursts of items"].value == (
        "1 of 20 items with 20 ratings or more got most of them on one day"
    )
    assert looked["bursts of days"].number == 0
    assert looked["bursts of days"].value.startswith("0 of 200 days have over 10 times")
    more = {"user": list(range(100, 300)), "item": [0] * 200, "rating": [3] * 200}
    more["time"] = [1_500_000_000 + 7 * DAY] * 200
    joined = pa.concat_tables([pa.table(table | {"time": times}), pa.table(more)])
    busy = audit(read_ratings(joined))["bursts of days"]
    assert busy.number == 1
    assert "most on 2017-07-21 (" in busy.value


def test_missing_and_senseless_times_are_told() -> None:
    looked = audit(make([1, 2, 3]))
    assert (looked["time span"].value, looked["time span"].severity) == ("no times", "note")
    looked = audit(make([1, 2, 3], times=[0, 1_500_000_000, 1_500_000_001]))
    assert looked["time span"].severity == "warning"
    assert looked["time span"].advice == "times of 1970 or before, probably unknown: 1"


def test_no_ratings_are_one_warning() -> None:
    nothing = make([1, 2, 3]).take(np.array([], np.int64))
    looked = audit(nothing)
    assert [finding.check for finding in looked.findings] == ["ratings"]
    assert looked.caption == "audit of the pyarrow Table: 1 warning"


def test_costs_are_called_estimates_and_grow_with_the_model(movielens: Ratings) -> None:
    small, large = audit(movielens, factors=10), audit(movielens, factors=100)
    for what in ("memory", "time"):
        low = small[f"estimate: {what} to train BiasedMF, 10 factors"]
        high = large[f"estimate: {what} to train BiasedMF, 100 factors"]
        assert low.value.startswith("about ")
        assert low.number < high.number
    # Measured when the rates were taken: 7.1 seconds of one core, and 0.44 GB.
    usual = audit(movielens)
    assert 5 < usual["estimate: time to train BiasedMF, 50 factors"].number < 10
    assert usual["estimate: memory to train BiasedMF, 50 factors"].value == "about 428 MB"
    with pytest.raises(ConfigError, match="factors must be an integer of at least 1"):
        audit(movielens, factors=0)


@pytest.mark.parametrize(
    ("seconds", "words"), [(7.1, "7 seconds"), (600, "10 minutes"), (9000, "2.5 hours")]
)
def test_durations_are_in_the_unit_that_fits(seconds: float, words: str) -> None:
    assert _duration(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"), [(12, "12 B"), (1234, "1.23 kB"), (5e8, "500 MB"), (2.5e9, "2.5 GB")]
)
def test_sizes_are_in_the_unit_that_fits(size: float, words: str) -> None:
    assert _size(size) == words
