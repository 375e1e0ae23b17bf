"""A server of data sets that does as the tests tell it, on this machine."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from http.server import BaseHTTPRequestHandler

RATINGS = "userId,movieId,rating,timestamp\n" + "".join(
    f"{user},{movie},{(user * movie) % 5 + 1},{1_500_000_000 + user}\n"
    for user in range(1, 60)
    for movie in range(1, 60)
)
MOVIES = "movieId,title,genres\n" + "".join(
    f'{n},"Film, {n} (1999)",Comedy|Drama\n' for n in range(1, 70)
)


def zipped(members: dict[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


SMALL = {
    "ml-latest-small/ratings.csv": RATINGS,
    "ml-latest-small/movies.csv": MOVIES,
    "ml-latest-small/README.txt": "no commercial use",
}


class Server:
    """Files by path, a record of requests, and faults to commit."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.cut_after: list[int] = []
        self.status: dict[str, list[int]] = {}
        self.ranges = True
        self.wrong_range = False
        self.length = True

    def publish(self, archive: str, content: bytes, md5: str | None = "right") -> None:
        self.files[f"/{archive}.zip"] = content
        if md5 == "right":
            md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if md5 is not None:
            self.files[f"/{archive}.zip.md5"] = f"MD5 ({archive}.zip) = {md5}\n".encode()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range")
        self.requests.append((request.path, asked))
        statuses = self.status.get(request.path)
        if statuses:
            request.send_error(statuses.pop(0))
            return
        content = self.files.get(request.path)
        if content is None:
            request.send_error(404)
            return
        start = 0
        if asked and self.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if start >= len(content):
                request.send_response(416)
                request.send_header("Content-Range", f"bytes */{len(content)}")
                request.send_header("Content-Length", "0")
                request.end_headers()
                return
            request.send_response(206)
            first = start + 1 if self.wrong_range else start
            request.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        else:
            request.send_response(200)
        if self.length:
            request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        end = len(content)
        if request.path.endswith(".zip") and self.cut_after:
            end = start + self.cut_after.pop(0)
        request.wfile.write(content[start:end])
        request.close_connection = True
