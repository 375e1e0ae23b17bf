"""The model folder: how a model lies on disk.

    manifest.json        what the model is: format, kind, hyper-parameters, checksums of the rest
    arrays.safetensors   every array
    users.parquet        raw user ids in order of their codes, with the users' metadata
    items.parquet        raw item ids in order of their codes, with the items' metadata

The folder holds data only: loading one runs no code of its. It is written to a sibling and put in
place in one step, so that a kill leaves the old folder or the new one.
"""

from __future__ import annotations

import ctypes
import difflib
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tastemap.arrays import AnyArray
from tastemap.errors import ModelFolderError

FORMAT = 1
MANIFEST = "manifest.json"
ARRAYS, USERS, ITEMS = "arrays.safetensors", "users.parquet", "items.parquet"

_SHOWN = 5
"""Model folders that are named where another was asked for."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FolderContent:
    """Everything in a model folder.

    Attributes:
        manifest: plain values; ``format``, ``sha256`` and ``checksum`` are added on writing.
        arrays: by name.
        users: first column: raw ids; the others: metadata.
        items: the same of the items.
    """

    manifest: Mapping[str, Any]
    arrays: Mapping[str, AnyArray]
    users: pa.Table
    items: pa.Table


def write(folder: str | Path, content: FolderContent) -> None:
    """Write a model folder, in one step as seen from outside.

    Args:
        folder: where; a model folder already there is replaced, anything else is not touched.
        content: what.

    Raises:
        ModelFolderError: something that is not a model folder is in the way, or the arrays could
            not be read back as they were written.
    """
    folder = Path(folder).absolute()
    check_free(folder)
    if folder.exists() and not (folder / MANIFEST).exists():
        folder.rmdir()  # empty
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.new-", dir=folder.parent))
    try:
        _fill(staging, content)
        staging.chmod(0o755)
        if folder.exists():
            _exchange(staging, folder)
        else:
            staging.rename(folder)
        _sync(folder.parent)
    finally:
        # After an exchange this is the old folder; after an error, what was written so far.
        shutil.rmtree(staging, ignore_errors=True)


def check_free(folder: str | Path) -> None:
    """Refuse a place where `write` would have to destroy something else.

    Raises:
        ModelFolderError: a file, or a folder of something else, is in the way.
    """
    folder = Path(folder)
    free = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    if not free and not (folder / MANIFEST).is_file():
        raise ModelFolderError(
            f"{folder} exists and is not a model folder: choose another place, or remove it"
        )


def _fill(staging: Path, content: FolderContent) -> None:
    import pyarrow.parquet as pq
    from safetensors.numpy import load, save

    # safetensors writes the memory of a strided array under its logical shape: C order is a must.
    arrays = {name: np.ascontiguousarray(array) for name, array in content.arrays.items()}
    written = save(arrays)
    for name, array in load(written).items():
        if not np.array_equal(array, arrays[name], equal_nan=array.dtype.kind == "f"):
            raise ModelFolderError(f"array {name!r} does not read back as it was written")
    (staging / ARRAYS).write_bytes(written)
    pq.write_table(content.users, staging / USERS, compression="zstd")
    pq.write_table(content.items, staging / ITEMS, compression="zstd")
    sums = {name: _sha256((staging / name).read_bytes()) for name in (ARRAYS, USERS, ITEMS)}
    manifest = {"format": FORMAT, **content.manifest, "sha256": sums}
    manifest["checksum"] = _manifest_checksum(manifest)
    text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
    (staging / MANIFEST).write_text(text + "\n", encoding="utf-8")
    for path in staging.iterdir():
        _sync(path)
    _sync(staging)


def read(folder: str | Path) -> FolderContent:
    """Read a model folder and check all of it.

    Raises:
        ModelFolderError: the folder is missing, is of a newer format, or a file of it is missing,
            truncated or altered; the message names the file.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    contents = {}
    for name in (ARRAYS, USERS, ITEMS):
        try:
            contents[name] = (folder / name).read_bytes()
        except OSError as error:
            raise ModelFolderError(f"{folder / name} cannot be read: {error.strerror}") from error
        if _sha256(contents[name]) != manifest["sha256"].get(name):
            raise ModelFolderError(
                f"{folder / name} is not the file that was saved (its checksum differs): "
                "copy the folder again, or train again"
            )
    import pyarrow.parquet as pq
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return FolderContent(
            manifest=manifest,
            arrays=load(contents[ARRAYS]),
            # Not pq.read_table, which loads pandas where that is installed: half of the time.
            # And in this thread: Arrow's own let go of the bytes some time after they are done.
            # A program that ends just then is aborted by CPython before 3.14, since to let go
            # of bytes a thread needs an interpreter.
            users=pq.ParquetFile(pa.BufferReader(contents[USERS])).read(use_threads=False),
            items=pq.ParquetFile(pa.BufferReader(contents[ITEMS])).read(use_threads=False),
        )
    except (SafetensorError, pa.ArrowException, ValueError, KeyError) as error:
        raise ModelFolderError(f"{folder} holds a file in another format: {error}") from error


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a model folder, without its arrays.

    Raises:
        ModelFolderError: there is none, or it is damaged, altered or of a newer format.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        raise ModelFolderError(f"there is no model folder {folder}{_others(folder)}")
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelFolderError(f"{folder} is not a model folder: it has no {MANIFEST}") from error
    except (OSError, ValueError) as error:
        raise ModelFolderError(f"{path} cannot be read: {error}") from error
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ModelFolderError(f"{path} is not the manifest of a model: it names no format")
    if version > FORMAT:
        raise ModelFolderError(
            f"{folder} has format {version}, this tastemap reads up to {FORMAT}: "
            "pip install -U tastemap"
        )
    sums = manifest.get("sha256")
    if manifest.get("checksum") != _manifest_checksum(manifest) or not isinstance(sums, dict):
        raise ModelFolderError(f"{path} was altered after it was saved: its checksum differs")
    return manifest


def _others(folder: Path) -> str:
    """Which model folders there are where one was looked for."""
    try:
        beside = sorted(one.parent for one in folder.parent.glob(f"*/{MANIFEST}"))
    except OSError:
        return ""
    if not beside:
        return ""
    near = difflib.get_close_matches(folder.name, [one.name for one in beside], n=1)
    if near:
        return f": did you mean {folder.parent / near[0]}?"
    more = ", ..." if len(beside) > _SHOWN else ""
    return f"; beside it: {', '.join(map(str, beside[:_SHOWN]))}{more}"


def _manifest_checksum(manifest: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in manifest.items() if name != "checksum"}
    return _sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sync(path: Path) -> None:
    """Have the operating system put a file or a folder's entries on disk."""
    if sys.platform == "win32":
        return  # folders cannot be opened there
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(new: Path, old: Path) -> None:
    """Swap two folders; in one step where the system can (Linux, macOS)."""
    library = ctypes.CDLL(None, use_errno=True) if sys.platform != "win32" else None
    here = -100 if sys.platform == "linux" else -2  # AT_FDCWD
    swap = 2  # RENAME_EXCHANGE on Linux, RENAME_SWAP on macOS
    name = "renameat2" if sys.platform == "linux" else "renameatx_np"
    rename = getattr(library, name, None)
    if rename is not None and rename(here, os.fsencode(new), here, os.fsencode(old), swap) == 0:
        return
    # Elsewhere, and on file systems that cannot swap: between these two steps the old folder has
    # another name for an instant.
    aside = new.with_name(new.name + "-old")
    old.rename(aside)
    try:
        new.rename(old)
    except OSError:
        aside.rename(old)
        raise
    aside.rename(new)
