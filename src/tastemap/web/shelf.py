"""The models of one folder, by name, and which of them is live."""

from __future__ import annotations

import gc
import json
import logging
import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from tastemap.errors import ModelFolderError, TastemapError
from tastemap.model_folder import MANIFEST, read_manifest
from tastemap.recommender import Recommender, load
from tastemap.web.nearest import Nearest
from tastemap.web.schemas.admin import ModelSummary
from tastemap.web.service import Service

if TYPE_CHECKING:
    from tastemap.web.feedback.store import FeedbackStore

_LOG = logging.getLogger("tastemap.web")
LIVE = "live.json"
"""The file that names the live model, so that every process, also after a restart, serves it."""


class Shelf:
    """The model folders under one root.

    Args:
        root: the folder they lie in. Nothing outside is ever loaded.
        model: name of the one to serve, unless `use` has put another in its place since.
        store: feedback of the users, or None.
        cache: bytes of answers that are held until somebody asks again.
        approximate: make lists from an index of the items, where a model has one.

    Raises:
        ModelFolderError: there is no such model, or its folder is damaged.
    """

    def __init__(
        self,
        root: Path,
        model: str,
        store: FeedbackStore | None = None,
        cache: int = 64 << 20,
        *,
        approximate: bool = False,
    ) -> None:
        self.root, self.asked, self.store, self._cache = root, model, store, cache
        self._approximate = approximate
        self._lock = threading.Lock()
        self._seen = self._stamp()
        name = named_live(self.root, self.asked)
        self.live = self._serving(name)

    def names(self) -> list[str]:
        """The model folders there are, by name; a link to a folder elsewhere is none."""
        root = self.root.resolve()
        return sorted(
            path.parent.name
            for path in self.root.glob(f"*/{MANIFEST}")
            if not path.parent.name.startswith(".") and path.resolve().is_relative_to(root)
        )

    def summaries(self) -> list[ModelSummary]:
        """What there is to know of each model without loading it, by name."""
        return [self._summary(name) for name in self.names()]

    def _summary(self, name: str) -> ModelSummary:
        live = name == self.live.name
        try:
            manifest = read_manifest(self.root / name)
            return ModelSummary(
                name=name,
                live=live,
                recipe=manifest["recipe"]["name"],
                created=manifest["created"],
                ratings=manifest["training_data"]["ratings"],
                evaluation=manifest["evaluation"],
            )
        except (ModelFolderError, KeyError, TypeError) as error:
            problem = str(error) if isinstance(error, ModelFolderError) else "its manifest is cut"
            return ModelSummary(name=name, live=live, problem=problem)

    def load(self, name: str) -> Recommender:
        """One model.

        Raises:
            ModelFolderError: no model has this name, or its folder is damaged.
        """
        return load(self._folder(name))

    def _folder(self, name: str) -> Path:
        """The folder of a model: one of those that are listed, whatever the name looks like."""
        if name not in self.names():
            known = ", ".join(self.names()) or "none"
            raise ModelFolderError(f"there is no model {name!r}: there are {known}")
        return self.root / name

    def use(self, name: str) -> Service:
        """Serve another model from now on, in every process.

        It is loaded before anybody is told, so that a damaged one changes nothing.

        Raises:
            ModelFolderError: no model has this name, or its folder is damaged.
        """
        with self._lock:
            service = self._serving(name)
            write_live(self.root, self.asked, name)
            self._seen, self.live = self._stamp(), service
        _let_go()
        return service

    def current(self) -> Service:
        """The live model, the one that another process has just named included.

        Waits until it is loaded: for threads. Where it cannot be loaded, the one before stays.
        """
        try:
            if self.refresh():
                _LOG.info("now serving %s", self.live.name)
        except TastemapError as error:
            _LOG.error("%s: still serving %s", error, self.live.name)
        return self.live

    def refresh(self) -> bool:
        """Serve the model that another process has named, if it has.

        Returns:
            Whether the live model has changed.

        Raises:
            ModelFolderError: it cannot be loaded; the one before stays.
        """
        with self._lock:
            stamp = self._stamp()
            if stamp == self._seen:
                return False
            self._seen = stamp
            name = named_live(self.root, self.asked)
            self.live = self._serving(name)
        _let_go()
        return True

    def _serving(self, name: str) -> Service:
        model = self.load(name)
        service = Service(
            model,
            self.store,
            name=name,
            manifest=read_manifest(self.root / name),
            cache=self._cache,
            nearest=Nearest.of(model, self.root, name) if self._approximate else None,
        )
        service.warm_up()
        return service

    def _stamp(self) -> tuple[int, int]:
        """What tells one writing of the live file from another."""
        try:
            found = (self.root / LIVE).stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_ino, found.st_mtime_ns


def _let_go() -> None:
    """Free the memory of a model that is served no more, also where objects are frozen."""
    frozen = gc.get_freeze_count() > 0
    gc.unfreeze()
    gc.collect()
    if frozen:
        gc.freeze()


def named_live(root: Path, asked: str) -> str:
    """The model that took the place of the one a service was started with, or that one.

    Raises:
        ModelFolderError: the file that says so cannot be read.
    """
    try:
        said = json.loads((root / LIVE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return asked
    except (OSError, ValueError) as error:
        raise ModelFolderError(f"{root / LIVE} cannot be read: {error}") from error
    if not isinstance(said, dict) or not isinstance(said.get("live"), str):
        raise ModelFolderError(f"{root / LIVE} names no model: remove it")
    live: str = said["live"]
    return live if said.get("asked") == asked else asked


def write_live(root: Path, asked: str, live: str) -> None:
    """Name the model that takes the place of the one a service was started with."""
    descriptor, path = tempfile.mkstemp(prefix=".live-", dir=root)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"asked": asked, "live": live}, file)
        file.flush()
        os.fsync(file.fileno())
    Path(path).replace(root / LIVE)
