"""Every error tastemap raises, in one tree.

TastemapError
├── DataError (ValueError)            a file or table is no ratings table: names file, line, value
├── ConfigError (ValueError)          a setting is out of its range: names the setting and the range
├── ArgumentError (TypeError)         an argument is of another kind: names it, and what to give
├── UnknownIdError (KeyError)         an id nobody has seen: names the nearest known ones
│   ├── UnknownUserError
│   └── UnknownItemError
├── NotFittedFor (TypeError)          the question does not fit this kind of model
├── TrainingError (RuntimeError)      training diverged or cannot go on
├── DownloadError (OSError)           a data set could not be fetched or is not what it should be
├── ModelFolderError (ValueError)     not a model folder, a newer format, or a damaged one
├── StoreError (RuntimeError)         the feedback store cannot be opened, read or written
│   ├── StoreFullError                too much waits to be written: try again in a second
│   └── KeyReuseError                 an idempotency key was given before with other content
└── MissingExtraError (ImportError)   an optional part of tastemap is not installed

Each message says what was seen, where, and what to do.
"""

from __future__ import annotations

import importlib
from types import ModuleType


class TastemapError(Exception):
    """The root of all errors raised on purpose by tastemap."""


class DataError(TastemapError, ValueError):
    """A file or table cannot be read as ratings or items."""


class ConfigError(TastemapError, ValueError):
    """A setting has a value outside its range."""


class ArgumentError(TastemapError, TypeError):
    """An argument is of another kind than the call takes, such as a recipe for a fitted model."""


class UnknownIdError(TastemapError, KeyError):
    """An id that does not occur in the ratings."""

    def __str__(self) -> str:
        # KeyError shows its argument through repr(); a sentence must stay a sentence.
        return str(self.args[0]) if self.args else ""


class UnknownUserError(UnknownIdError):
    """A user id that does not occur in the ratings."""


class UnknownItemError(UnknownIdError):
    """An item id or title that does not occur in the ratings."""


class NotFittedFor(TastemapError, TypeError):
    """The question cannot be asked of this kind of model."""


class TrainingError(TastemapError, RuntimeError):
    """Training diverged, or a checkpoint belongs to other data or settings."""


class DownloadError(TastemapError, OSError):
    """A data set could not be downloaded, or its checksum differs."""


class ModelFolderError(TastemapError, ValueError):
    """A folder is not a model folder, has a newer format, or is damaged."""


class StoreError(TastemapError, RuntimeError):
    """The feedback store cannot be opened, read or written."""


class StoreFullError(StoreError):
    """Too many changes wait to be written: nothing was taken, try again in a second."""


class KeyReuseError(StoreError):
    """An idempotency key was given before with other content: nothing was written."""


class MissingExtraError(TastemapError, ImportError):
    """A library that this call needs belongs to an extra that is not installed."""


def require(module: str, extra: str) -> ModuleType:
    """Import a library of an extra.

    Args:
        module: what to import, such as ``"xlsxwriter"``.
        extra: the extra of tastemap that installs it.

    Raises:
        MissingExtraError: it is not installed; the message has the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise  # installed, but one of its own parts is missing: not ours to explain
        message = f'this needs {module}: pip install "tastemap[{extra}]"'
        raise MissingExtraError(message) from error
