"""Moments are read as people write them, in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from tastemap.data.moments import seconds_of, written
from tastemap.errors import ConfigError

DAY = 12_539 * 86_400  # 2004-05-01


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        ("2004-05-01", DAY),
        (" 2004-05-01T00:00:07 ", DAY + 7),
        ("2004-05-01 02:00+02:00", DAY),
        (date(2004, 5, 1), DAY),
        (datetime(2004, 5, 1, 1), DAY + 3600),
        (datetime(2004, 5, 1, tzinfo=timezone(timedelta(hours=-1))), DAY + 3600),
        (datetime(1969, 12, 31, 23, 59, 59, 500_000, UTC), -1),
        (np.datetime64("2004-05-01"), DAY),
        (pd.Timestamp("2004-05-01"), DAY),
        (DAY, DAY),
        (DAY + 0.9, DAY),
        (np.int64(DAY), DAY),
        (-0.5, -1),
    ],
)
def test_a_moment_is_whole_seconds(moment: object, seconds: int) -> None:
    assert seconds_of(moment) == seconds
    assert isinstance(seconds_of(moment), int)


@pytest.mark.parametrize(
    "nothing",
    ["soon", "", True, None, float("nan"), float("inf"), 1e30, np.datetime64("NaT"), pd.NaT, [1]],
)
def test_what_is_no_moment_is_refused(nothing: object) -> None:
    with pytest.raises(ConfigError, match="2015-03-09"):
        seconds_of(nothing)


def test_midnight_is_written_as_a_date() -> None:
    assert written(DAY) == "2004-05-01"
    assert written(DAY + 7) == "2004-05-01 00:00:07"
