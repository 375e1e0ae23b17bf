"""Ids and codes: both ways, in order of first appearance, with help for unknown ids."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastemap.data.readers import read_ratings
from tastemap.data.splits import random
from tastemap.data.vocabulary import UNKNOWN, Vocabulary, nearest
from tastemap.errors import DataError, UnknownItemError, UnknownUserError


@settings(deadline=None)
@given(
    st.lists(st.integers(-(2**63), 2**63 - 1))
    | st.lists(st.text(st.characters(exclude_categories=["Cs"])))
)
def test_codes_number_the_ids_by_first_appearance(raws: list[Any]) -> None:
    vocabulary, codes = Vocabulary.encode(pa.array(raws, None if raws else pa.int64()), "item")
    order = list(dict.fromkeys(raws))
    assert vocabulary.ids.to_pylist() == order
    assert codes.tolist() == [order.index(raw) for raw in raws]
    assert codes.dtype == np.int32
    assert not codes.flags.writeable
    assert vocabulary.raws(codes) == raws
    assert [vocabulary.raw(code) for code in codes] == raws
    assert vocabulary.codes(raws).tolist() == codes.tolist()
    assert all(raw in vocabulary for raw in raws)
    assert len(vocabulary) == len(order)


def test_chunks_and_dictionaries_are_encoded_alike() -> None:
    chunks = pa.chunked_array([["b", "a"], [], ["c", "b"]])
    for column in (chunks, chunks.dictionary_encode(), chunks.cast(pa.large_string())):
        vocabulary, codes = Vocabulary.encode(column, "user")
        assert vocabulary.ids.to_pylist() == ["b", "a", "c"]
        assert codes.tolist() == [0, 1, 2, 0]


def test_an_item_seen_only_in_validation_still_has_a_code() -> None:
    table = pa.table({"user": [1] * 50, "item": list(range(50)), "rating": [1.0] * 50})
    split = random(read_ratings(table), 0.5)
    only_valid = set(split.valid.items.tolist()) - set(split.train.items.tolist())
    assert only_valid
    for code in only_valid:
        assert split.train.item_ids.code(split.valid.item_ids.raw(code)) == code


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([1, 2, 1], "item id 1 occurs twice"),
        (["a", "b", "b"], "item id 'b' occurs twice"),
        (pa.array([1, None]), "item ids must not be missing"),
        ([1.5], "must be integers or strings, not double"),
        ([True], "must be integers or strings, not bool"),
    ],
)
def test_what_is_no_list_of_distinct_ids_is_refused(ids: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Vocabulary(ids, "item")


def test_kinds_of_integers_and_strings_are_unified() -> None:
    assert Vocabulary(pa.array([1, 2], pa.uint8()), "user") == Vocabulary([1, 2], "user")
    assert Vocabulary(pa.array(["a"], pa.large_string()), "user") == Vocabulary(["a"], "user")
    assert Vocabulary([], "user") == Vocabulary(pa.array([], pa.int64()), "user")


def test_vocabularies_are_equal_by_content() -> None:
    one = Vocabulary([1, 2], "user")
    assert one == Vocabulary([1, 2], "user")
    assert one != Vocabulary([2, 1], "user")
    assert one != Vocabulary([1, 2], "item")
    assert one != [1, 2]
    assert one.digest() == Vocabulary([1, 2], "user").digest()
    digests = {
        v.digest() for v in (one, Vocabulary(["1", "2"], "user"), Vocabulary(["12"], "user"))
    }
    assert len(digests) == 3
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)
    assert repr(one) == "<Vocabulary of 2 users>"


@pytest.mark.parametrize("raw", [True, 1.0, None, (1,), "1", 3, b"1"])
def test_an_id_of_another_kind_is_unknown(raw: object) -> None:
    assert Vocabulary([1, 2], "user").find(raw) == UNKNOWN
    assert raw not in Vocabulary([1, 2], "user")


def test_numbers_of_numpy_are_ids_too() -> None:
    assert Vocabulary([5, 7], "user").code(np.int32(7)) == 1
    assert Vocabulary(["a"], "user").code(np.str_("a")) == 0


def test_text_is_parsed_into_the_kind_of_the_ids() -> None:
    assert Vocabulary([1], "user").parse("7") == 7
    assert Vocabulary([1], "user").parse("seven") == "seven"
    assert Vocabulary(["1"], "user").parse("7") == "7"


def test_raw_order_ranks_ids() -> None:
    assert Vocabulary([30, 10, 20], "user").raw_order.tolist() == [2, 0, 1]
    assert Vocabulary(["b", "a"], "user").raw_order.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("ids", "raw", "message"),
    [
        ([10, 20], 30, "unknown user 30: there are 2 users; ids are such as 10, 20"),
        (
            [10, 20],
            "x",
            "unknown user 'x': there are 2 users; user ids are integers here, such as 10",
        ),
        (["10", "x"], 10, "user ids are strings here: did you mean '10'?"),
        (["10", "x"], 11, "unknown user 11: there are 2 users; user ids are strings here"),
        (
            ["alice", "bob"],
            "Alise",
            "unknown user 'Alise': there are 2 users; did you mean 'alice'?",
        ),
        (["alice", "bob"], "zzz", "unknown user 'zzz': there are 2 users"),
        ([], 1, "unknown user 1: there are 0 users"),
    ],
)
def test_an_unknown_id_is_told_with_the_nearest(ids: list[Any], raw: object, message: str) -> None:
    with pytest.raises(UnknownUserError) as error:
        Vocabulary(ids, "user").code(raw)
    assert str(error.value) == message or str(error.value).endswith(message)


def test_an_unknown_title_is_told_with_near_titles() -> None:
    error = Vocabulary([1, 2], "item").unknown("Heta (1995)", ["Heat (1995)", "Alien (1979)"])
    assert isinstance(error, UnknownItemError)
    assert isinstance(error, KeyError)
    assert "did you mean 'Heat (1995)'" in str(error)
    assert "unknown item id or title" in str(error)


def test_nearest_puts_what_contains_the_text_first() -> None:
    choices = ["Alien (1979)", "Aliens (1986)", "My Alien Friend", "Allen", "Heat"]
    assert nearest("alien", choices) == ["Alien (1979)", "Aliens (1986)", "My Alien Friend"]
    assert nearest("allien", choices, 1) == ["Allen"]
    assert nearest("", choices) == []
    assert nearest("zzzzzz", choices) == []


def test_of_very_many_choices_those_that_begin_alike_are_compared() -> None:
    choices = [f"title {n:05}" for n in range(30_000)] + ["Heat (1995)"]
    assert nearest("Heta (1995)", choices) == ["Heat (1995)"]
