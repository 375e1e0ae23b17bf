"""What a service is told: where its models lie, who may ask, how much."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

VARIABLE = "TASTEMAP_SETTINGS"
"""The variable of the environment by which worker processes get their settings."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a service runs.

    Attributes:
        root: the folder of model folders; models are named within it and nowhere else.
        model: name of the model folder to serve.
        database: where feedback is kept: the address of a PostgreSQL database, or the path of an
            SQLite file. Empty: ``feedback.sqlite`` in ``root``.
        host: the address to listen at.
        port: the port to listen at; 0: any that is free.
        workers: processes that answer, each with the model in its memory.
        keys: file of the hashed API keys; None: ``keys.json`` in ``root``. Where there is no such
            file, no key is needed, and only this machine may ask.
        hosts: names that the header ``Host`` may have besides this machine's own.
        origins: web pages of other origins that may ask (CORS).
        max_body: bytes of a request's body, at most.
        rate: requests a second that one key, or one address, may make; 0: any number. None: 100
            where keys are needed, any number where only this machine may ask.
        cache: bytes of answers that are held until somebody asks again.
        approximate: make lists from an index of the items, where the model has one.
    """

    root: Path
    model: str
    database: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    keys: Path | None = None
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    max_body: int = 1 << 20
    rate: float | None = None
    cache: int = 64 << 20
    approximate: bool = False

    @property
    def feedback(self) -> str:
        """Where feedback is kept: an address or a path."""
        return self.database or str(self.root / "feedback.sqlite")

    def to_env(self) -> dict[str, str]:
        """The environment that `from_env` makes these settings of."""
        return {VARIABLE: json.dumps(asdict(self), default=str)}

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The settings that `to_env` wrote.

        Raises:
            KeyError: there are none.
        """
        given = json.loads(environment[VARIABLE])
        keys = given["keys"]
        return cls(
            **{
                **given,
                "root": Path(given["root"]),
                "keys": None if keys is None else Path(keys),
                "hosts": tuple(given["hosts"]),
                "origins": tuple(given["origins"]),
            }
        )
