"""Whatever is written is read back; whatever is broken ends in an error of ours."""

from __future__ import annotations

import csv
import io
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from tastemap.data.ratings import Ratings
from tastemap.data.readers import read_ratings
from tastemap.data.reading.files import Translated
from tastemap.errors import TastemapError

TEXT_IDS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), min_size=1, max_size=6
).filter(lambda text: text.strip() == text)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
VALUES = st.floats(-1e6, 1e6, width=32)
TIMES = st.integers(10**8, 10**11 - 1)


def tables(ids: Any) -> Any:
    row = st.tuples(ids, ids, VALUES, TIMES)
    return st.lists(row, min_size=1, max_size=12, unique_by=lambda r: (r[0], r[1]))


def rows_of(ratings: Ratings) -> list[tuple[Any, ...]]:
    table = ratings.to_arrow()
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def read(name: str, content: bytes, **options: Any) -> Ratings:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return read_ratings(path, **options)


def as_csv(rows: Any, sep: str, quoting: int, end: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=sep, quoting=quoting, lineterminator=end)
    writer.writerow(["user", "item", "rating", "time"])
    writer.writerows(rows)
    return text.getvalue().encode()


@given(
    tables(INTEGERS) | tables(TEXT_IDS),
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]),
)
@settings(deadline=None)
def test_what_is_written_as_csv_is_read_back(rows: Any, sep: str, quoting: int, end: str) -> None:
    ratings = read("r.csv", as_csv(rows, sep, quoting, end), sep=sep)
    read_back = [(str(u), str(i), r, t) for u, i, r, t in rows_of(ratings)]
    assert read_back == [(str(u), str(i), r, t) for u, i, r, t in rows]
    for position, ids in ((0, ratings.user_ids), (1, ratings.item_ids)):
        written = [str(row[position]) for row in rows]
        plain = all(_is_plain_integer(text) for text in written)
        assert ids.holds_integers == plain


def _is_plain_integer(text: str) -> bool:
    if not text.isascii():
        return False
    try:
        return str(int(text)) == text and -(2**63) <= int(text) < 2**63
    except ValueError:
        return False


@given(tables(INTEGERS) | tables(TEXT_IDS))
@settings(deadline=None)
def test_frames_and_parquet_are_read_back_exactly(rows: Any) -> None:
    columns = zip(*rows, strict=True)
    table = pa.table(dict(zip(["user", "item", "rating", "time"], map(list, columns), strict=True)))
    stream = pa.BufferOutputStream()
    pq.write_table(table, stream)
    assume(all(text != "" for row in rows for text in row[:2]))
    assert rows_of(read_ratings(table)) == rows
    assert rows_of(read("r.parquet", stream.getvalue().to_pybytes())) == rows


SEEDS = [
    b"user,item,rating,time\n1,2,3.5,1500000000\n2,3,4,1500000001\n",
    b"1::2::3::1500000000\n2::3::4::1500000001\n",
    b'{"user":1,"item":2,"rating":3}\n{"user":2,"item":2,"rating":4}\n',
    b'user;item;rating\n"a;""b""";c;3\n',
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
]
NOISE = st.binary(max_size=8) | st.sampled_from(
    [
        b",",
        b'"',
        b"\n",
        b"\r",
        b"::",
        b"\xff",
        b"\xef\xbb\xbf",
        b"nan",
        b"1e999",
        b"\0",
        b"{",
        b"-",
        b" ",
    ]
)


@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 80), st.integers(0, 5), NOISE), max_size=4),
)
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@example(SEEDS[0], [(0, 22, b"")])
@example(SEEDS[0], [(21, 1, b"\r\r")])
def test_broken_files_are_read_or_refused_but_never_crash(seed: bytes, edits: Any) -> None:
    content = seed
    for at, length, noise in edits:
        content = content[:at] + noise + content[at + length :]
    for name in ("r.csv", "r.jsonl", "ratings.dat"):
        # Which error is beside the point: it is one of ours.
        with suppress(TastemapError):
            assert len(read(name, content)) > 0


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["a", ":", "::", "é", "€", "\n", ":::"]), max_size=30).map("".join),
    st.integers(1, 7),
    st.sampled_from(["utf-8", "utf-16", "latin-1"]),
)
def test_separators_are_replaced_across_blocks_and_encodings(
    text: str, size: int, encoding: str
) -> None:
    assume(encoding != "latin-1" or "€" not in text)

    class Slow(io.BytesIO):
        def read(self, n: int | None = -1) -> bytes:
            return super().read(min(size, n) if n and n > 0 else size)

    stream = Translated(Slow(text.encode(encoding)), encoding, ("::", "\x1f"))
    out = bytearray()
    while part := stream.read(size):
        assert len(part) <= size
        out += part
    assert out.decode() == text.replace("::", "\x1f")
    whole = Translated(io.BytesIO(text.encode(encoding)), encoding, ("::", "\x1f"))
    assert whole.read() == out
