"""Checkpoints: the state of training on disk, so that a killed run goes on where it was.

A checkpoint folder holds one file, ``state.safetensors``: the arrays, and in its header the rest
as JSON. One file, because one file is replaced in one go: whoever kills the run, whenever, leaves
either the state before an epoch or the state after it. Nothing in it is code.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tastemap.arrays import AnyArray
from tastemap.errors import TrainingError

FILE = "state.safetensors"
FORMAT = 1
_HEADER = "tastemap"
_ABSENT = "not there"


def save(
    folder: Path,
    arrays: Mapping[str, AnyArray],
    progress: Mapping[str, Any],
    key: Mapping[str, Any],
) -> None:
    """Replace the checkpoint in a folder, which is made when it is missing.

    Args:
        folder: where.
        arrays: the arrays of the state by name.
        progress: the rest of the state, as plain values.
        key: what the run is of (recipe, seed, data); `load` refuses another.

    Raises:
        TrainingError: the file cannot be written; the message says why.
    """
    from safetensors.numpy import save as to_bytes

    header = {"format": FORMAT, "key": key, "progress": progress}
    # safetensors writes the memory of a strided array in the wrong order, without an error.
    content = to_bytes(
        {name: np.asarray(array, order="C") for name, array in arrays.items()},
        {_HEADER: json.dumps(header)},
    )
    unfinished = folder / f".{FILE}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(folder / FILE)
    except OSError as error:
        raise TrainingError(f"cannot write the checkpoint in {folder}: {error}") from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def load(folder: Path, key: Mapping[str, Any]) -> tuple[dict[str, AnyArray], dict[str, Any]] | None:
    """Read the checkpoint in a folder.

    Args:
        folder: where `save` wrote.
        key: what the run is of.

    Returns:
        Arrays and progress as they were saved; None when the folder holds no checkpoint.

    Raises:
        TrainingError: the checkpoint is of something else (the message says what differs), of a
            newer format, or damaged.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})[_HEADER])
            if header["format"] != FORMAT:
                raise TrainingError(
                    f"{path} has format {header['format']!r}, this version of tastemap reads "
                    f"{FORMAT}: use the version that wrote it, or another folder"
                )
            _require_same(path, header["key"], json.loads(json.dumps(key)))
            return {name: file.get_tensor(name) for name in file.keys()}, header["progress"]  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise TrainingError(
            f"{path} is not a checkpoint, or is damaged ({error}): remove it to start anew"
        ) from error


def _require_same(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    old, new = _flat(found), _flat(wanted)
    differences = [
        f"{name} was {old.get(name, _ABSENT)} and is now {new.get(name, _ABSENT)}"
        for name in {**old, **new}
        if old.get(name, _ABSENT) != new.get(name, _ABSENT)
    ]
    if differences:
        raise TrainingError(
            f"the checkpoint {path} is of another run: {'; '.join(differences)}. "
            "Use the same to go on with it, or another folder"
        )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in values.items():
        inner = isinstance(value, dict)
        flat |= _flat(value, f"{prefix}{name}.") if inner else {prefix + name: repr(value)}
    return flat
