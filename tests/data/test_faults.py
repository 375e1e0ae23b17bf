"""Bad input gets one clear error: where, what, and what to do."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tastemap.data.readers import read_ratings
from tastemap.errors import DataError

HEAD = "user,item,rating,time\n"
GOOD = "".join(f"{row},2,3,1500000000\n" for row in range(15))
MANY = "".join(f"{row},2,3,1500000000\n" for row in range(30_000))


def message_of(path: Any, **options: Any) -> str:
    with pytest.raises(DataError) as error:
        read_ratings(path, **options)
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 400
    return text


def message_for(tmp_path: Path, content: str | bytes, name: str = "r.csv", **options: Any) -> str:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return message_of(path, **options)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,2,good,1500000000", "the rating is 'good', which is not a number"),
        ("1,2,,1500000000", "the rating is empty"),
        ("1,2, ,1500000000", "the rating is empty"),
        ("1,2,nan,1500000000", "the rating is 'nan', not a number"),
        ("1,2,NaN,1500000000", "the rating is 'NaN', not a number"),
        ("1,2,inf,1500000000", "the rating is 'inf', which is not finite"),
        ("1,2,-Infinity,1500000000", "the rating is '-Infinity', which is not finite"),
        ("1,2,1e400,1500000000", "the rating is '1e400', which is not finite"),
        ("1,2,1e39,1500000000", "the rating is '1e39', which is not finite"),
        ("1,2,1_0,1500000000", "the rating is '1_0', which is not a number"),
        ("1,2,0x1,1500000000", "the rating is '0x1', which is not a number"),
        ("1,2,٣,1500000000", "the rating is '٣', which is not a number"),
        ("1,2,True,1500000000", "the rating is 'True', which is not a number"),
        ("1,2,NA,1500000000", "the rating is 'NA', which is not a number"),
        ('1,2,"3,5",1500000000', "'3,5' has a decimal comma: pass decimal=\",\""),
        (",2,3,1500000000", "the user id is empty: fill it in"),
        ('1,"  ",3,1500000000', "the item id is empty: fill it in"),
        ("1,2,3", "3 columns instead of 4 ('1,2,3'): a separator is missing"),
        ("1,2,3,4,5", "5 columns instead of 4 ('1,2,3,4,5')"),
        ("1,2,3,", "the time is empty"),
        ("1,2,3,09/03/2015", "the time is '09/03/2015', which cannot be read"),
        ("1,2,3,2015-03-09", "the time '2015-03-09' is a date without a zone, the times before"),
        ("1,2,3,nan", "the time is 'nan', which is out of range"),
        ("1,2,3,1e30", "the time is '1e30', which is out of range"),
    ],
)
@pytest.mark.parametrize(
    ("start", "line"), [(GOOD, 17), ("\n\n" + GOOD, 19), (MANY, 30_002)], ids=["", "blank", "far"]
)
def test_a_bad_row_is_named_by_line_and_value(
    tmp_path: Path, row: str, message: str, start: str, line: int
) -> None:
    text = message_for(tmp_path, f"{HEAD}{start}{row}\n9,9,3,1500000000\n")
    assert text.startswith(f"r.csv, line {line}: ")
    assert message in text


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    content = 'user,item,rating\r\n1,"a\r\n\r\nb",3\r\n\r\n2,"c\r\nd",bad\r\n'
    assert "r.csv, line 6: the rating is 'bad'" in message_for(tmp_path, content)


def test_lines_of_packed_files_are_counted_unpacked(tmp_path: Path) -> None:
    content = gzip.compress(f"{HEAD}{GOOD}1,2,bad,1500000000\n".encode())
    assert "r.csv.gz, line 17: the rating is 'bad'" in message_for(tmp_path, content, "r.csv.gz")


def test_lines_of_files_with_long_separators_are_counted(tmp_path: Path) -> None:
    assert "r.dat, line 2: 2 columns instead of 3 ('1::3')" in message_for(
        tmp_path, "1::2::3\n1::3\n", "r.dat"
    )


def test_a_quote_that_is_not_closed_is_named(tmp_path: Path) -> None:
    text = message_for(tmp_path, 'user,item,rating\n1,2,3\n2,"abc,3\n3,x,3\n')
    assert "r.csv, line 3: " in text
    assert "a quote is probably not closed" in text
    huge = f'user,item,rating\n1,2,3\n2,"{"abc,3" * 50_000}\n'
    assert "a quote is probably not closed" in message_for(tmp_path, huge)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: it has no header and no rows"),
        (b"\n \n\r\n", "holds only blank lines"),
        (HEAD.encode(), "holds no ratings"),
        (HEAD.encode().rstrip(), "holds no ratings"),
        (b"user\n1\n", "has 1 column(s) (separated by ','; if that is wrong, pass sep=): 'user'"),
        (b"user,item\n1,2\n", "has 2 column(s)"),
        (b"1,2\n", "ratings need a user, an item and a rating"),
        (b"a,b,c\n1,2,3\n", "no user column by a known name: it has 'a', 'b', 'c'; say which"),
        (b"user,b,c\n1,2,3\n", "such as item='b'"),
        (b"user,item,c\n1,2,3\n", "no rating column by a known name"),
        (HEAD.encode("utf-16"), 'UTF-16: pass encoding="utf-16"'),
        (b"ab\0\0cd", "not text: byte 0x00 at offset 2"),
        (b"SQLite format 3\0", "is a database: give its address, sqlite:///"),
        (b"<!doctype html><html>", "a web page or XML"),
        (b"BZh91AY", "packed with bzip2, which is not read"),
        (b"\xfd7zXZ\0abc", "packed with xz"),
        (b"PK\x05\x06" + b"\0" * 18, "a zip that holds no files"),
        (b"PK\x03\x04 rubbish", "cut short or damaged"),
        (b"PAR1 rubbish PAR1", "damaged or cut Parquet"),
    ],
)
def test_a_file_that_holds_no_table_of_ratings_is_told(
    tmp_path: Path, content: bytes, message: str
) -> None:
    text = message_for(tmp_path, content)
    assert text.startswith("r.csv")
    assert message in text


def test_text_that_is_not_utf8_is_told_by_line_and_offset(tmp_path: Path) -> None:
    start = (HEAD + GOOD).encode()
    text = message_for(tmp_path, start + b"jos\xe9,2,3,1500000000\n")
    assert text.startswith(f"r.csv, line 17: byte 0xe9 at offset {len(start) + 3} is not UTF-8")
    assert 'encoding="latin-1"' in text


def test_text_that_is_not_utf8_is_found_across_blocks(tmp_path: Path) -> None:
    # 1 MB blocks: the first ends within a character of three bytes.
    line = b"1,2,3,1500000000,%s\n" % (b"x" * 1000)
    count = ((1 << 20) - 30) // len(line)
    start = HEAD.encode().strip() + b",mood\n" + line * count
    start += b"x" * ((1 << 20) - len(start) - 1)
    text = message_for(tmp_path, start + "€".encode() + b"\xff,2,3,1500000000,x\n")
    assert f"line {count + 2}: byte 0xff at offset {len(start) + 3:,} is not UTF-8" in text


def test_bad_bytes_in_columns_that_are_not_read_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(b"user,item,rating,mood\n1,2,3,\xe9\n")
    assert len(read_ratings(path)) == 1
    path.write_bytes(b"user,item,rating,mood\n1,2,3,\xe9\n1,2,bad,\xe9\n")
    assert "line 3: the rating is 'bad'" in message_of(path)


def test_a_wrong_encoding_is_told(tmp_path: Path) -> None:
    text = message_for(tmp_path, HEAD.encode() + b"\xe9,2,3,1500000000\n", encoding="ascii")
    assert "'ascii'" in text or "not UTF-8" in text
    text = message_for(tmp_path, HEAD.encode() + b"\x81,2,3,1500000000\n", encoding="cp1252")
    assert "not in the encoding 'cp1252'" in text


@pytest.mark.parametrize("cut", [5, 40, -4, -12])
@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_a_packed_file_that_is_cut_is_told(tmp_path: Path, suffix: str, cut: int) -> None:
    content = (HEAD + GOOD).encode()
    packed = (
        gzip.compress(content) if suffix == "gz" else pa.compress(content, "zstd", asbytes=True)
    )
    text = message_for(tmp_path, packed[:cut], f"r.csv.{suffix}")
    assert text.startswith(f"r.csv.{suffix} is cut short or damaged")
    assert "download or copy the file again" in text


def test_a_packed_file_that_is_damaged_is_told(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress((HEAD + GOOD).encode()))
    packed[-6] ^= 1
    assert "is cut short or damaged" in message_for(tmp_path, bytes(packed), "r.csv.gz")


def test_a_zip_that_is_cut_damaged_or_unclear_is_told(tmp_path: Path) -> None:
    path = tmp_path / "r.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("r.csv", HEAD + GOOD)
    whole = path.read_bytes()
    assert "is cut short or damaged" in message_for(tmp_path, whole[:-9], "r.zip")
    damaged = whole.replace(b"14,2,3", b"15,2,3")
    assert "r.zip (r.csv) is cut short or damaged" in message_for(tmp_path, damaged, "r.zip")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", HEAD)
        archive.writestr("b.csv", HEAD)
    assert "holds 2 files (a.csv, b.csv), and not exactly one" in message_of(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
    assert "an office document: save the sheet as CSV" in message_of(path)


def test_an_encrypted_zip_is_told(tmp_path: Path) -> None:
    path = tmp_path / "r.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("r.csv", HEAD + GOOD)
    content = bytearray(path.read_bytes())
    # The flag "encrypted" of the local header and of the directory.
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert "is encrypted: unpack it first" in message_for(tmp_path, bytes(content), "r.zip")


def test_paths_that_lead_nowhere_are_told(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text(HEAD)
    assert "does not exist; did you mean ratings.csv?" in message_of(tmp_path / "ratings.cvs")
    assert "does not exist; check the path" in message_of(tmp_path / "zzz.csv")
    assert "there is no folder" in message_of(tmp_path / "nowhere" / "ratings.csv")
    text = message_of(tmp_path)
    assert "is a folder, not a file: it holds ratings.csv; give the path of one file" in text
    (tmp_path / "empty").mkdir()
    assert "is a folder, not a file and holds no files" in message_of(str(tmp_path / "empty"))
    assert "is an address: download the file first" in message_of("https://example.org/r.csv")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('{"user":1,"item":2,"rating":"x"}', "line 2: the rating is 'x', which is not a number"),
        ('{"user":1,"item":2,"rating":null}', "line 2: the rating is empty"),
        ('{"user":1,"item":2,"rating":NaN}', "line 2: the rating is nan, not a number"),
        ('{"user":1,"item":2,"rating":true}', "line 2: the rating is True, which is not a number"),
        ('{"user":1,"item":2}', "line 2: the rating is empty"),
        ('{"item":2,"rating":1}', "line 2: the user id is empty"),
        (
            '{"user":"a","item":2,"rating":1}',
            "line 2: the user id is 'a': ids must be all integers",
        ),
        ('{"user":1.5,"item":2,"rating":1}', "line 2: the user id is 1.5, not a whole number"),
        ('{"user":[1],"item":2,"rating":1}', "line 2: the user id is [1]: ids must be"),
        ('{"user":99999999999999999999,"item":2,"rating":1}', "too large for 64 bits"),
        ('{"user":1,"item":2,"rating":1', 'line 2: \'{"user":1,"item":2,"rating":1\' is not JSON'),
        ("[1,2,3]", "line 2: '[1,2,3]' is not an object"),
    ],
)
@pytest.mark.parametrize("before", [1, 200])
def test_a_bad_line_of_json_is_named(tmp_path: Path, lines: str, message: str, before: int) -> None:
    good = "".join(f'{{"user":{row},"item":2,"rating":3}}\n' for row in range(before))
    text = message_for(tmp_path, f"{good}{lines}\n", "r.jsonl")
    assert message.replace("line 2", f"line {before + 1}") in text


def test_other_json_is_refused(tmp_path: Path) -> None:
    assert "one JSON array" in message_for(tmp_path, '[{"user":1}]', "r.json")
    assert "holds no objects" in message_for(tmp_path, "\n\n ", "r.jsonl")
    bad = b'{"user":"\xe9","item":2,"rating":3}\n'
    assert "line 1: byte 0xe9 at offset 9" in message_for(tmp_path, bad, "r.jsonl")
    good = b'{"user":"a","item":2,"rating":3}\n' * 100
    assert "line 101: byte 0xe9" in message_for(tmp_path, good + bad, "r.jsonl")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rating": [1, np.nan]}, "row 1 (the first is 0): the rating is empty"),
        ({"rating": [1, np.inf]}, "row 1 (the first is 0): the rating is inf, which is not finite"),
        ({"rating": [1, 1e300]}, "row 1 (the first is 0): the rating is 1e+300"),
        ({"rating": ["1", "good"]}, "row 1 (the first is 0): the rating is 'good'"),
        ({"rating": [True, False]}, "row 0 (the first is 0): the rating is True"),
        ({"user": [1, np.nan]}, "row 1 (the first is 0): the user id is empty"),
        ({"user": [1, 2.5]}, "row 1 (the first is 0): the user id is 2.5, not a whole number"),
        ({"user": ["a", None]}, "row 1 (the first is 0): the user id is empty"),
        ({"user": ["a", ""]}, "row 1 (the first is 0): the user id is empty"),
        ({"user": ["a", 3]}, "column 'user', row 1 (the first is 0) holds 3, of another kind"),
        ({"user": [True, False]}, "row 0 (the first is 0): the user id is True"),
        (
            {"time": pd.to_datetime(["2015-01-01", None])},
            "row 1 (the first is 0): the time is empty",
        ),
        ({"time": ["2015-01-01", "soon"]}, "row 1 (the first is 0): the time is 'soon'"),
        ({"time": [True, False]}, "row 0 (the first is 0): the time is True"),
        ({"weight": [1.0, 0.0]}, "row 1 (the first is 0): the weight is 0.0: weights must be pos"),
    ],
)
def test_a_bad_row_of_a_frame_is_named(change: Any, message: str) -> None:
    frame = pd.DataFrame({"user": [1, 2], "item": ["x", "y"], "rating": [3.0, 4.0]} | change)
    text = message_of(frame)
    assert text.startswith("the pandas DataFrame")
    assert message in text


def test_other_bad_frames_are_told(tmp_path: Path) -> None:
    rows = {"user": [1, 2], "item": [3, 4], "rating": [1, 2]}
    unsigned = pl.DataFrame(rows).with_columns(pl.Series("user", [1, 2**63], dtype=pl.UInt64))
    assert "too large for 64 bits: write the ids as text" in message_of(unsigned)
    assert "the user id is b'1': ids must be" in message_of(
        pa.table(rows | {"user": pa.array([b"1", b"2"])})
    )
    assert "the pyarrow Table holds no ratings" in message_of(pa.table(rows).slice(0, 0))
    assert "the polars Series cannot be turned into" in message_of(pl.Series([1]))
    assert "the user id is empty" in message_of(pa.table(rows | {"user": pa.nulls(2)}))
    twice = pa.table([[1], [2], [3], [4]], names=["user", "user", "item", "rating"])
    assert "has 2 columns 'user': rename one" in message_of(twice, user="user")
    pq.write_table(twice, tmp_path / "r.parquet")
    assert "r.parquet has two columns 'user': rename one" in message_of(tmp_path / "r.parquet")
    pq.write_table(pa.table(rows | {"user": ["a", None]}), tmp_path / "r.parquet")
    assert "r.parquet, row 1 (the first is 0): the user id" in message_of(tmp_path / "r.parquet")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"user": "usr"}, "has no column 'usr': it has 'user', 'item', 'rating', 'time'; did you"),
        ({"user": "item"}, "no item column by a known name"),
        ({"user": "item", "item": "item"}, "'item' cannot be both"),
    ],
)
def test_wrong_columns_are_told(tmp_path: Path, options: Any, message: str) -> None:
    assert message in message_for(tmp_path, HEAD + GOOD, **options)


def test_a_name_needs_a_header(tmp_path: Path) -> None:
    assert "has no header, so no column is called 'u': give a position" in message_for(
        tmp_path, "1,2,3\n", user="u"
    )


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: Any) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "r.csv"
    path.write_text(HEAD)
    monkeypatch.setattr(Path, "open", refuse)
    assert "r.csv cannot be opened: Permission denied" in message_of(path)
