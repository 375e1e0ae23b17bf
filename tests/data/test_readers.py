"""Reading ratings: formats, columns, ids, times, weights, and what is said about them."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq
import pytest

from tastemap.data.ratings import Ratings
from tastemap.data.readers import read_ratings
from tastemap.errors import ConfigError, DataError

ROWS = [("a", 10, 4.0, 1_500_000_000), ("b", 10, 2.5, 1_500_000_100), ("a", 20, 5.0, 1_500_000_050)]
NAMES = ("userId", "movieId", "rating", "timestamp")


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def text(sep: str, header: bool = True) -> str:
    lines = [sep.join(NAMES)] if header else []
    lines += [sep.join(map(str, row)) for row in ROWS]
    return "\n".join(lines) + "\n"


def table() -> pa.Table:
    columns = zip(*ROWS, strict=True)
    return pa.table(dict(zip(NAMES, map(list, columns), strict=True)))


def rows_of(ratings: Ratings) -> list[tuple[Any, ...]]:
    read = ratings.to_arrow()
    return list(zip(*(column.to_pylist() for column in read.columns), strict=True))


def said(ratings: Ratings, words: str) -> bool:
    return any(words in note for note in ratings.notes)


def parquet() -> bytes:
    stream = pa.BufferOutputStream()
    pq.write_table(table(), stream)
    return stream.getvalue().to_pybytes()


def json_lines() -> bytes:
    frame = table().to_pandas()
    return frame.to_json(orient="records", lines=True).encode()


def zstd(content: bytes) -> bytes:
    return pa.compress(content, "zstd", asbytes=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("r.csv", text(",").encode()),
        ("r.csv", b"\xef\xbb\xbf" + text(",").encode()),
        ("r.csv", text(",").replace("\n", "\r\n").encode()),
        ("r.csv", text(",").replace("\n", "\r").encode()),
        ("r.csv", text(",").encode() + b"\n\n"),
        ("r.csv", text(",").encode().rstrip()),
        ("r.csv", text(";").encode()),
        ("r.tsv", text("\t").encode()),
        ("r.txt", text("|").encode()),
        ("r.txt", text(" ").encode()),
        ("r.dat", text("::").encode()),
        ("r.dat", text("::", header=False).encode()),
        ("r.csv", text(",", header=False).encode()),
        ("u.data", text("\t", header=False).encode()),
        ("ratings.dat", text("::", header=False).encode()),
        ("r.parquet", parquet()),
        ("r.jsonl", json_lines()),
        ("r.data", json_lines()),
        ("r.csv.gz", gzip.compress(text(",").encode())),
        (
            "r.csv.gz",
            gzip.compress(text(",")[:30].encode()) + gzip.compress(text(",")[30:].encode()),
        ),
        ("r.csv.zst", zstd(text(",").encode())),
        ("r.dat.gz", gzip.compress(text("::", header=False).encode())),
        ("r.jsonl.zst", zstd(json_lines())),
        ("r.parquet.gz", gzip.compress(parquet())),
        ("wrongly-named.csv", gzip.compress(text(",").encode())),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_format_gives_the_same_ratings(write: Any, name: str, content: bytes) -> None:
    ratings = read_ratings(write(name, content))
    assert rows_of(ratings) == ROWS
    assert ratings.name == name.split(".")[0]


@pytest.mark.parametrize("member", ["r.csv", "deep/ml/ratings.csv"])
def test_a_zip_of_one_file_is_read(tmp_path: Path, member: str) -> None:
    with zipfile.ZipFile(tmp_path / "r.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, text(","))
        archive.writestr("__MACOSX/._r.csv", "rubbish")
    assert rows_of(read_ratings(tmp_path / "r.zip")) == ROWS


def test_of_a_zip_of_several_files_the_one_called_ratings_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ml.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ml/movies.csv", "movieId,title\n20,Heat\n10,Alien\n")
        archive.writestr("ml/ratings.csv", text(","))
        archive.writestr("ml/README.txt", "read me")
    ratings = read_ratings(path)
    assert rows_of(ratings) == ROWS
    assert said(ratings, "read ml.zip (ml/ratings.csv)")
    assert said(ratings, "the zip also holds ml/movies.csv")
    assert read_ratings(path, items=path).catalog.titles == ["Alien", "Heat"]


@pytest.mark.parametrize(
    "make",
    [
        lambda t: t,
        lambda t: t.to_reader(),
        lambda t: t.to_pandas(),
        lambda t: t.to_pandas().set_index(["userId", "movieId"]),
        lambda t: pl.from_arrow(t),
        lambda t: pl.from_arrow(t).with_columns(pl.col("userId").cast(pl.Categorical)),
        lambda t: pl.from_arrow(t).with_columns(pl.col("userId").cast(pl.Enum(["z", "b", "a"]))),
        lambda t: duckdb.from_arrow(t),
        lambda t: t.to_pandas().astype({"userId": "category", "movieId": "float64"}),
        lambda t: pa.concat_tables([t.slice(0, 1), t.slice(1, 0), t.slice(1)]),
        lambda t: t.set_column(0, "userId", t["userId"].cast(pa.large_string())),
        lambda t: t.set_column(1, "movieId", t["movieId"].cast(pa.uint8())),
        lambda t: t.set_column(2, "rating", t["rating"].cast(pa.decimal128(5, 2))),
        lambda t: t.set_column(2, "rating", t["rating"].cast(pa.string())),
        lambda t: t.set_column(3, "timestamp", t["timestamp"].cast(pa.timestamp("s"))),
        lambda t: t.set_column(
            3, "timestamp", t["timestamp"].cast(pa.timestamp("s", "Asia/Tokyo"))
        ),
        lambda t: t.set_column(3, "timestamp", t["timestamp"].cast(pa.float64())),
    ],
)
def test_any_frame_gives_the_same_ratings(make: Callable[[pa.Table], Any]) -> None:
    assert sorted(rows_of(read_ratings(make(table())))) == sorted(ROWS)


def test_ratings_do_not_change_with_the_frame_they_came_from() -> None:
    values = np.array([1, 2], np.float32)
    times = np.array([1_500_000_000, 1_500_000_001])
    frame = pd.DataFrame({"user": [1, 2], "item": [3, 4]})
    frame["rating"], frame["time"] = values, times
    arrow = pa.table(
        {"user": [1, 2], "item": [3, 4], "rating": pa.array(values), "time": pa.array(times)}
    )
    for source in (frame, arrow):
        ratings = read_ratings(source)
        values[:], times[:] = 9, 9
        assert ratings.values.tolist() == [1, 2]
        assert ratings.times is not None
        assert ratings.times.tolist() == [1_500_000_000, 1_500_000_001]
        values[:], times[:] = [1, 2], [1_500_000_000, 1_500_000_001]


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("userId,movieId,rating,timestamp", "user = userId, item = movieId, rating = rating"),
        ("user_id,item_id,score,date", "user = user_id, item = item_id, rating = score"),
        ("User-ID,ISBN,Book-Rating,ts", "user = User-ID, item = ISBN, rating = Book-Rating"),
        ("USER,PRODUCT,STARS,TIME", "user = USER, item = PRODUCT, rating = STARS, time = TIME"),
        ("reviewerID,asin,overall,unixReviewTime", "user = reviewerID, item = asin"),
        ("item,user,time,rating", "user = user, item = item, rating = rating, time = time"),
    ],
)
def test_columns_are_found_by_their_names(write: Any, header: str, taken: str) -> None:
    ratings = read_ratings(
        write("r.csv", f"{header}\n1500000000,1500000001,1500000002,1500000003\n")
    )
    assert said(ratings, taken)


def test_the_better_name_is_taken_and_the_rest_is_said(write: Any) -> None:
    ratings = read_ratings(write("r.csv", "user,userId,item,rating,mood\nann,1,2,3,x\n"))
    assert said(ratings, "user = userId")
    assert said(ratings, "columns not read: user, mood")


def test_columns_can_be_told_by_name_and_by_position(write: Any) -> None:
    path = write("r.csv", "who,what,how,rating\n1,2,3,4\n")
    assert rows_of(read_ratings(path, user="who", item=1, rating="how")) == [(1, 2, 3)]


def test_without_a_header_columns_go_by_position(write: Any) -> None:
    path = write("r.csv", "1,2,3,1500000000\n1,3,4,1500000001\n")
    ratings = read_ratings(path)
    assert said(ratings, "no header, as line 1 holds numbers")
    assert said(ratings, "columns by position: user = 0, item = 1, rating = 2, time = 3")
    swapped = read_ratings(path, item=0, user=1)
    assert rows_of(swapped)[0][:2] == (2, 1)


def test_a_fourth_column_that_holds_no_times_is_not_taken_for_them(write: Any) -> None:
    ratings = read_ratings(write("r.csv", "1,2,3,7\n1,3,4,8\n"))
    assert ratings.times is None
    assert said(ratings, "columns not read: column 3")
    assert read_ratings(write("r.csv", "1,2,3,7\n"), time=3).times is not None


def test_headers_with_a_number_in_them_are_still_headers(write: Any) -> None:
    assert len(read_ratings(write("r.csv", "user,item,rating,2019\n1,2,3,4\n"))) == 1


def test_integers_stay_integers_and_text_stays_text(write: Any) -> None:
    path = write("r.csv", "user,item,rating\n7,007,1\n-3,+7,2\n0,7,3\n")
    ratings = read_ratings(path)
    assert ratings.user_ids.ids.to_pylist() == [7, -3, 0]
    assert ratings.item_ids.ids.to_pylist() == ["007", "+7", "7"]
    assert said(ratings, "user ids are integers, item ids are text")


@pytest.mark.parametrize(
    "odd", ["99999999999999999999", "9223372036854775808", "1.0", "NA", "null"]
)
def test_one_id_that_is_no_integer_makes_all_text_exactly_as_written(write: Any, odd: str) -> None:
    ratings = read_ratings(write("r.csv", f"user,item,rating\n7,1,1\n{odd},1,2\n"))
    assert ratings.user_ids.ids.to_pylist() == ["7", odd]


def test_the_largest_integers_are_kept(write: Any) -> None:
    path = write("r.csv", f"user,item,rating\n{2**63 - 1},1,1\n{-(2**63)},1,2\n")
    assert read_ratings(path).user_ids.ids.to_pylist() == [2**63 - 1, -(2**63)]


def test_blanks_around_ids_go_and_that_is_said(write: Any) -> None:
    ratings = read_ratings(write("r.csv", "user,item,rating\n 1 ,x,1\n1, y,2\n2,z z,3\n"))
    assert ratings.user_ids.ids.to_pylist() == [1, 2]
    assert ratings.item_ids.ids.to_pylist() == ["x", "y", "z z"]
    assert said(ratings, "removed the blanks around 1 user id, of which 1 then equal another")
    assert said(ratings, "removed the blanks around 1 item id")


def test_blanks_in_a_frame_belong_to_the_id() -> None:
    frame = pa.table({"user": ["a", " a"], "item": [1, 1], "rating": [1, 2]})
    assert read_ratings(frame).user_ids.ids.to_pylist() == ["a", " a"]


def test_codes_go_by_first_appearance_in_all_formats(write: Any) -> None:
    ids = [f"u{n}" for n in np.random.default_rng(0).integers(0, 500, 200_000)]
    lines = [f"{user},{row},1" for row, user in enumerate(ids)]
    ratings = read_ratings(write("r.csv", "\n".join(["user,item,rating", *lines])))
    assert ratings.user_ids.ids.to_pylist() == list(dict.fromkeys(ids))
    assert ratings.user_ids.raws(ratings.users) == ids
    categories = pd.Categorical(ids, categories=["unused", *sorted(set(ids))])
    frame = pd.DataFrame({"user": categories, "item": range(len(ids)), "rating": 1.0})
    assert read_ratings(frame).user_ids.ids.to_pylist() == list(dict.fromkeys(ids))


def test_quoted_separators_quotes_and_line_breaks_are_part_of_an_id(write: Any) -> None:
    path = write("r.csv", 'user,item,rating\n1,"a, ""b""\nc",3\n2,d"e,4\n')
    assert read_ratings(path).item_ids.ids.to_pylist() == ['a, "b"\nc', 'd"e']


def test_quoted_numbers_are_numbers(write: Any) -> None:
    path = write("r.csv", '"user","item","rating","time"\n"1","2","3.5","1500000000"\n')
    assert rows_of(read_ratings(path)) == [(1, 2, 3.5, 1_500_000_000)]


def test_negative_ratings_are_ratings(write: Any) -> None:
    assert rows_of(read_ratings(write("r.csv", "user,item,rating\n1,2,-3\n"))) == [(1, 2, -3)]


def test_decimal_commas_are_read_when_told(write: Any) -> None:
    path = write("r.csv", "user;item;rating\n1;2;3,5\n")
    assert rows_of(read_ratings(path, decimal=",")) == [(1, 2, 3.5)]


def test_a_separator_can_be_told(write: Any) -> None:
    path = write("r.csv", "user~~item~~rating\n1~~2~~3\n")
    assert rows_of(read_ratings(path, sep="~~")) == [(1, 2, 3)]
    path = write("r.csv", "user§item§rating\n1§2§3\n")
    assert rows_of(read_ratings(path, sep="§")) == [(1, 2, 3)]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-8-sig"])
def test_an_encoding_can_be_told(write: Any, encoding: str) -> None:
    path = write("r.csv", "user,item,rating\nrené,2,3\n".encode(encoding))
    assert read_ratings(path, encoding=encoding).user_ids.raw(0) == "rené"


@pytest.mark.parametrize(
    ("cells", "seconds", "note"),
    [
        (["1500000000", "1500000001"], [1_500_000_000, 1_500_000_001], None),
        (["-5", "1500000001"], [-5, 1_500_000_001], None),
        (["1500000000123", "1500000001999"], [1_500_000_000, 1_500_000_001], "milliseconds"),
        (["1500000000123456"] * 2, [1_500_000_000] * 2, "microseconds"),
        (["1500000000123456789"] * 2, [1_500_000_000] * 2, "nanoseconds"),
        (["1.5e9", "1500000001.75"], [1_500_000_000, 1_500_000_001], "fractions"),
        (["3", "1"], [3, 1], "small numbers"),
        (["1970-01-02", "1969-12-31"], [86_400, -86_400], "dates, taken as UTC"),
        (["2015-03-09 14:30:00", "2015-03-09 14:30:01.5"], [1_425_911_400, 1_425_911_401], "UTC"),
        (["2015-03-09T14:30:00Z"] * 2, [1_425_911_400] * 2, "turned into UTC"),
        (["2015-03-09T14:30:00+02:00"] * 2, [1_425_904_200] * 2, "turned into UTC"),
    ],
)
def test_times_are_seconds_since_1970(
    write: Any, cells: list[str], seconds: list[int], note: str | None
) -> None:
    lines = "".join(f"1,{row},3,{cell}\n" for row, cell in enumerate(cells))
    frame = pl.DataFrame({"user": [1, 1], "item": [0, 1], "rating": [3, 3], "time": cells})
    for source in (write("r.csv", "user,item,rating,time\n" + lines), frame):
        ratings = read_ratings(source)
        assert ratings.times is not None
        assert ratings.times.tolist() == seconds
        assert note is None or said(ratings, note)


def test_times_written_otherwise_further_down_are_read_too(write: Any) -> None:
    lines = "".join(f"1,{row},3,1500000000\n" for row in range(60))
    ratings = read_ratings(write("r.csv", f"user,item,rating,time\n{lines}1,60,3,1.5e9\n"))
    assert set(ratings.times.tolist()) == {1_500_000_000}


def test_times_and_weights_can_be_left_out(write: Any) -> None:
    path = write("r.csv", "user,item,rating,time,weight\n1,2,3,yesterday,-1\n")
    ratings = read_ratings(path, time=False, weight=False)
    assert ratings.times is None
    assert ratings.weights is None
    assert said(ratings, "columns not read: time, weight")


def test_weights_are_read(write: Any) -> None:
    ratings = read_ratings(write("r.csv", "user,item,rating,weight\n1,2,3,0.5\n1,3,3,2\n"))
    assert ratings.weights is not None
    assert ratings.weights.tolist() == [0.5, 2.0]


def test_the_name_can_be_told(write: Any) -> None:
    assert read_ratings(write("r.csv", text(",")), name="mine").name == "mine"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"duplicates": "sum"}, "'last', 'mean', 'count', 'error'"),
        ({"decimal": ";"}, "decimal=';'"),
        ({"sep": ""}, "cannot separate columns"),
        ({"sep": "."}, "cannot separate columns"),
        ({"encoding": "klingon"}, "'klingon' is not known"),
        ({"encoding": "base64"}, "'base64' is not known"),
        ({"user": 9}, "has 4 columns, 0 to 3"),
        ({"user": True}, "the name or the position"),
        ({"user": 1.5}, "the name or the position"),
        ({"item": False}, "the item column is needed"),
    ],
)
def test_options_out_of_range_are_refused(write: Any, options: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_ratings(write("r.csv", text(",")), **options)


@pytest.mark.parametrize("source", [None, 7, [1, 2], {"user": [1]}, pl.LazyFrame({"user": [1]})])
def test_what_is_neither_path_nor_frame_is_refused(source: Any) -> None:
    with pytest.raises(DataError, match="neither a path nor a table") as error:
        read_ratings(source)
    assert ("collect" in str(error.value)) == isinstance(source, pl.LazyFrame)


@pytest.mark.parametrize("name", ["r.csv", "r.csv.gz", "r.jsonl"])
def test_threads_of_arrow_read_without_the_interpreter(
    write: Callable[[str, str | bytes], Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # One that lets go of Python's bytes while a program ends aborts it.
    streams: list[object] = []
    for module, function in ((pyarrow.csv, "read_csv"), (pyarrow.json, "read_json")):
        real = getattr(module, function)

        def spy(stream: object, *rest: Any, real: Any = real) -> Any:
            streams.append(stream)
            return real(stream, *rest)

        monkeypatch.setattr(module, function, spy)
    lines = "\n".join(json.dumps(row) for row in table().to_pylist()) + "\n"
    content = lines if name == "r.jsonl" else text(",")
    path = write(name, gzip.compress(content.encode()) if name.endswith("gz") else content)
    assert len(read_ratings(path)) == 3
    assert [type(one) for one in streams] == [
        pa.CompressedInputStream if name.endswith("gz") else pa.OSFile
    ]
