"""The service itself, and its models."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from tastemap.web.schemas.asked import Asked, Text


class Health(Struct, kw_only=True):
    """A process that answers.

    Attributes:
        status: ``"ok"``.
        version: of tastemap.
    """

    status: str
    version: str


class Ready(Struct, kw_only=True):
    """A process that can do its work.

    Attributes:
        status: ``"ready"``.
        model: name of the live model.
    """

    status: str
    model: str


class ModelInfo(Struct, kw_only=True):
    """The live model.

    Attributes:
        name: of its folder.
        manifest: what it is: recipe, training data, learning curve, errors, versions.
    """

    name: str
    manifest: dict[str, Any]


class ReloadOptions(Asked, kw_only=True):
    """Which model to serve.

    Attributes:
        model: name of its folder; null: the live one, read again.
    """

    model: Text | None = None


class RefitOptions(Asked, kw_only=True):
    """How to train again.

    Attributes:
        seed: of everything random.
        holdout: share of the ratings that are kept back to compare the new model with the live one.
    """

    seed: Annotated[int, Meta(ge=0, le=2**31)] = 0
    holdout: Annotated[float, Meta(gt=0, le=0.5)] = 0.1


class Refit(Struct, kw_only=True):
    """How a refit goes on, or how the last one went.

    Attributes:
        state: ``"none"``, ``"running"``, ``"live"`` (the new model is served), ``"refused"`` (it
            is worse) or ``"failed"``.
        step: what is being done, or was done last.
        progress: of the whole, from 0 to 1.
        model: name of the model it replaces.
        new: name of the new model's folder.
        started: in seconds since 1970.
        ended: the same; null while it runs.
        measure: what the models are compared by.
        before: of the model without the feedback, on the ratings that are kept back.
        after: of the model with it, on the same.
        better_by: how much better the new one is; below 0: worse.
        low: lower end of the 95 % interval of that.
        high: upper end.
        detail: why it was refused, or what failed.
    """

    state: str
    step: str = ""
    progress: float = 0.0
    model: str = ""
    new: str = ""
    started: float | None = None
    ended: float | None = None
    measure: str = ""
    before: float | None = None
    after: float | None = None
    better_by: float | None = None
    low: float | None = None
    high: float | None = None
    detail: str = ""


class ModelSummary(Struct, kw_only=True):
    """A model folder.

    Attributes:
        name: of the folder.
        live: whether it is served.
        recipe: how it was trained.
        created: when it was saved.
        ratings: how many it was trained on.
        evaluation: its errors on validation ratings, if they were measured.
        problem: why it cannot be served; empty: it can.
    """

    name: str
    live: bool
    recipe: str = ""
    created: str = ""
    ratings: int = 0
    evaluation: dict[str, Any] | None = None
    problem: str = ""


class Models(Struct, kw_only=True):
    """The models that can be served.

    Attributes:
        live: name of the one that is.
        models: all, by name.
    """

    live: str
    models: list[ModelSummary]
