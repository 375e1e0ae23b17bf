"""The model page: how good it is and how it was made, and the other models there are."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from starlette.responses import RedirectResponse, Response

from tastemap.data.audit import Finding
from tastemap.evaluation.evaluate import label_of
from tastemap.models.posterior import PosteriorModel
from tastemap.plots import numbers
from tastemap.plots.coverage import grid
from tastemap.training.baselines import BiasesOnly
from tastemap.training.history import TrainingHistory
from tastemap.training.registry import RECIPES
from tastemap.web.pages.charts import Axis, bar, learning_curve
from tastemap.web.pages.site import capital
from tastemap.web.pages.visit import Visit, page
from tastemap.web.security.keys import Scope

_SAID_ELSEWHERE = ("ratings", "users", "items", "memory of the ratings")


@page
def model(visit: Visit) -> Response:
    """The page of the live model."""
    live, shelf = visit.service.recommender, visit.request.app.state.shelf
    manifest = visit.service.manifest
    models = [_row(one, manifest) for one in shelf.summaries()]
    models.sort(key=lambda one: (one["apart"], one["rmse"] is None, one["rmse"] or 0, one["name"]))
    baseline = _draw_errors([one for one in models if one["rmse"] and not one["apart"]])
    return visit.show(
        "model.html",
        "model",
        name=visit.service.name,
        recipe=type(live.recipe).__name__,
        called=capital(live.recipe.called),
        facts=_facts(visit),
        models=models,
        baseline=baseline,
        may_serve=visit.may(Scope.ADMIN),
        sure=_sure(visit),
        curve=learning_curve(live.history) if live.history.epochs else None,
        history=live.history,
        columns=_history(live.history),
        validated=any(one.validation_mse is not None for one in live.history.epochs),
        audit=_audit(visit.reading.audit),
        histogram=_histogram(visit),
        settings=[
            (name, numbers.setting(value))
            for name, value in dataclasses.asdict(live.recipe).items()
        ],
        origin=_origin(visit),
        versions={"tastemap": manifest["tastemap"], **manifest["libraries"]},
        notes=live.ratings.notes,
    )


@page
def serve(visit: Visit) -> Response:
    """Serve another model from now on."""
    wanted = dict(visit.form).get("model", "")
    visit.request.app.state.shelf.use(wanted)
    return RedirectResponse("/explore/model", 303)


def _row(one: Any, live: dict[str, Any]) -> dict[str, Any]:
    """A model beside others.

    Args:
        one: its summary.
        live: manifest of the live model. Errors on other ratings are no comparison.
    """
    found = one.evaluation or {}
    here = live["evaluation"] or {}
    same = found.get("rows") == here.get("rows") and one.ratings == live["training_data"]["ratings"]
    return {
        "name": one.name,
        "live": one.live,
        "recipe": RECIPES[one.recipe].__name__ if one.recipe in RECIPES else one.recipe,
        "created": one.created[:10],
        "problem": one.problem,
        "rmse": found.get("rmse"),
        "mae": found.get("mae"),
        "lists": ((found.get("lists") or {}).get("measures") or {}).get("ndcg@10"),
        "seconds": found.get("fit_seconds"),
        "ratings": one.ratings,
        "rows": found.get("rows"),
        "apart": not same,
        "picture": "",
    }


def _draw_errors(models: list[dict[str, Any]]) -> str:
    """Give each model its error as a dot, and say which model is at the upright, if any is."""
    if len(models) < 2:
        return ""
    axis = Axis.of_errors([one["rmse"] for one in models], 160)
    base = next((one for one in models if one["recipe"] == BiasesOnly.__name__), None)
    for one in models:
        one["picture"] = axis.dot(one["rmse"], base["rmse"] if base else None)
    return base["name"] if base else ""


def _history(history: TrainingHistory) -> list[tuple[str, list[str]]]:
    """The epochs or sweeps in columns."""
    return [(name.replace("_", " "), cells) for name, cells in history.text_columns().items()]


def _facts(visit: Visit) -> list[tuple[str, str]]:
    live = visit.service.recommender
    facts = []
    if live.evaluation is not None:
        shown = ("rmse", "mae", "concordance", "ndcg@10", "recall@10")
        measures = live.evaluation.measures
        facts += [
            (label_of(name), numbers.decimal(measures[name], 3))
            for name in shown
            if name in measures
        ]
    facts.append((f"{live.ratings.noun} trained on", numbers.count(len(live.ratings))))
    facts.append(("to train", numbers.seconds(live.seconds)))
    return facts


def _sure(visit: Visit) -> dict[str, Any] | str:
    """Whether intervals hold as many ratings as they say, or why that is not known."""
    live = visit.service.recommender
    if not isinstance(live.model, PosteriorModel):
        return f"{capital(live.recipe.called)} model does not say how sure it is; BayesianMF does."
    if live.coverage is None or not live.coverage.rows.sum():
        return (
            "Whether its intervals hold what they say was not measured: no validation ratings "
            "were given when it was trained."
        )
    return grid(live.coverage, live.ratings.scale)


def _audit(findings: tuple[Finding, ...]) -> list[Finding]:
    return [
        one
        for one in findings
        if one.check not in _SAID_ELSEWHERE and not one.check.startswith("estimate")
    ]


def _histogram(visit: Visit) -> list[dict[str, Any]]:
    reading = visit.reading
    if not reading.steps or not reading.ratings.explicit:
        return []
    most = float(np.max(reading.shares))
    return [
        {"name": f"{step:g}", "share": share, "picture": bar(share / most, 180)}
        for step, share in zip(reading.steps, reading.shares.tolist(), strict=True)
    ]


def _origin(visit: Visit) -> list[tuple[str, str]]:
    live, manifest = visit.service.recommender, visit.service.manifest
    data = manifest["training_data"]
    return [
        ("data", str(data["name"])),
        *([("split", str(data["split"]))] if data["split"] else []),
        ("fingerprint", str(data["fingerprint"])),
        ("kind of model", live.model.kind),
        ("seed", str(live.seed)),
    ]
