import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tastemap as tm
from tastemap.data.ratings import Ratings
from tastemap.errors import ConfigError, DataError
from tests.conftest import interactions, make_ratings
from tests.explanation.worlds import some_ratings

# The table of the course notebook.
NOTEBOOK_USERS = [14, 29, 72, 211, 212, 293, 310, 379, 451, 467, 508, 546, 563, 579, 623]
NOTEBOOK_ITEMS = [27, 49, 57, 72, 79, 89, 92, 99, 143, 179, 180, 197, 402, 417, 505]


def test_on_the_bundled_data_the_numbers_are_the_notebooks(movielens: Ratings) -> None:
    table = tm.crosstab(movielens, 15, 15)
    assert table.user_codes.tolist() == NOTEBOOK_USERS
    assert table.item_codes.tolist() == NOTEBOOK_ITEMS
    assert table.values[0, :5].tolist() == [3.0, 5.0, 1.0, 3.0, 4.0]
    assert table.users[0] == 15
    assert table.titles[0] == "Braveheart (1995)"
    by_pair = {
        (user, item): value
        for user, item, value in zip(
            movielens.users.tolist(),
            movielens.items.tolist(),
            movielens.values.tolist(),
            strict=True,
        )
    }
    for row, user in enumerate(NOTEBOOK_USERS):
        for column, item in enumerate(NOTEBOOK_ITEMS):
            cell = table.values[row, column].item()
            assert by_pair.get((user, item), "none") == ("none" if np.isnan(cell) else cell)


@given(seed=st.integers(0, 10_000), n_users=st.integers(1, 12), n_items=st.integers(1, 12))
def test_rows_and_columns_have_the_most_ratings_and_stand_by_code(
    seed: int, n_users: int, n_items: int
) -> None:
    ratings = some_ratings(10, 9, seed=seed)
    table = tm.crosstab(ratings, n_users, n_items)
    for codes, column, vocabulary, n in (
        (table.user_codes, ratings.users, ratings.user_ids, n_users),
        (table.item_codes, ratings.items, ratings.item_ids, n_items),
    ):
        listed = column.tolist()
        by_count = sorted(set(listed), key=lambda code: (-listed.count(code), vocabulary.raw(code)))
        assert codes.tolist() == sorted(by_count[:n])
    assert table.values.shape == (len(table.user_codes), len(table.item_codes))


def test_it_is_a_table_with_a_column_an_item(small: Ratings) -> None:
    table = tm.crosstab(small, 2, 5)
    assert list(table.columns()) == [
        "user",
        "Alien (1979)",
        "Big (1988)",
        "<script>alert(1)</script>",
        "Heat (1995) [4]",
        "Heat (1995) [5]",
    ]
    assert len(table) == 2
    assert table.to_dicts()[1] == {
        "user": 20,
        "Alien (1979)": 4.0,
        "Big (1988)": 1.0,
        "<script>alert(1)</script>": None,
        "Heat (1995) [4]": 5.0,
        "Heat (1995) [5]": None,
    }
    arrow = table.to_arrow()
    assert arrow.schema.types == [pa.int64(), *[pa.float32()] * 5]
    frame = table.to_pandas()
    assert frame["Alien (1979)"].tolist() == [5.0, 4.0]
    assert frame["Heat (1995) [5]"].isna().all()


def test_csv_leaves_missing_ratings_empty(small: Ratings) -> None:
    lines = tm.crosstab(small, 2, 4).to_csv().splitlines()
    assert lines[0] == "user,Alien (1979),Big (1988),<script>alert(1)</script>,Heat (1995)"
    assert lines[1:] == ["10,5.0,3.0,4.0,", "20,4.0,1.0,,5.0"]


def test_an_item_called_user_does_not_hide_the_users() -> None:
    ratings = make_ratings([("a", 1, 3.0)], metadata={"title": ["user"]})
    assert list(tm.crosstab(ratings).columns()) == ["user", "user [1]"]


def test_printed_it_is_narrow_and_tells_what_the_codes_are(small: Ratings) -> None:
    assert str(tm.crosstab(small, 2, 2)).splitlines() == [
        "user    0    1",
        "   0  5.0  3.0",
        "   1  4.0  1.0",
        "user code = user id: 0 = 10, 1 = 20",
        "item 0 = id 1, Alien (1979)",
        "item 1 = id 2, Big (1988)",
    ]
    assert "&lt;script&gt;" in tm.crosstab(small, 2, 5)._repr_html_()


def test_users_and_items_without_ratings_are_left_out() -> None:
    table = tm.crosstab(some_ratings(5, 6, cold=2), 15, 15)
    assert table.values.shape == (3, 4)


def test_what_is_no_crosstab_is_refused(small: Ratings) -> None:
    with pytest.raises(ConfigError, match="n_users must be an integer of at least 1, got 0"):
        tm.crosstab(small, 0)
    with pytest.raises(DataError, match="no ratings"):
        tm.crosstab(small.take(np.zeros(0, np.int64)))
    with pytest.raises(DataError, match="holds interactions, which have none"):
        tm.crosstab(interactions(small))
    twice = make_ratings([("a", 1, 3.0), ("b", 7, 1.0), ("b", 7, 5.0)])
    with pytest.raises(DataError, match="user 'b' rated item 7 more than once"):
        tm.crosstab(twice)
    assert tm.crosstab(twice.take(np.array([0, 1]))).values[1, 1] == 1.0
