"""What a report says about how models were trained: learning curves, and learning rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tastemap import plots
from tastemap.plots import numbers
from tastemap.report.accuracy import decimal
from tastemap.report.svg import inline

if TYPE_CHECKING:
    from tastemap.plots import LearningRates
    from tastemap.recommender import Recommender
    from tastemap.training.history import TrainingHistory


def curves(models: Mapping[str, Recommender]) -> dict[str, Any] | str:
    """The learning curves, or why there are none."""
    histories = {name: model.history for name, model in models.items() if model.history.epochs}
    if not histories:
        return "There is no learning curve: no model here is trained in epochs."
    picture = plots.learning_curve(
        histories if len(histories) > 1 else next(iter(histories.values()))
    )
    searched = [
        f"{name} {len(one.epochs)} of {len(one.search)} tried"
        for name, one in histories.items()
        if one.search
    ]
    return {
        "svg": inline(picture, "curves", f"Learning curves of {', '.join(histories)}"),
        "validated": any(
            epoch.validation_mse is not None for one in histories.values() for epoch in one.epochs
        ),
        "losses": _losses(histories),
        "burn_in": [(name, one.burn_in) for name, one in histories.items() if one.burn_in],
        "kept": any(one.best_epoch is not None for one in histories.values()),
        "searched": searched,
        "tables": [_table_of(name, one) for name, one in histories.items()],
    }


def _losses(histories: Mapping[str, TrainingHistory]) -> list[str]:
    """What the training losses are, each with its models where there are several."""
    models: dict[str, list[str]] = {}
    for name, one in histories.items():
        models.setdefault(one.loss, []).append(name)
    if len(models) == 1:
        return list(models)
    return [f"{loss} ({', '.join(names)})" for loss, names in models.items()]


def _table_of(model: str, history: TrainingHistory) -> dict[str, Any]:
    """The epochs in rows; sweeps have no learning rate."""
    has_rates = any(epoch.learning_rate != 1 for epoch in history.epochs)
    columns = [
        history.unit,
        *(["learning rate"] if has_rates else []),
        "training loss",
        "validation error",
        "seconds",
    ]
    return {
        "model": model,
        "columns": [(name, True) for name in columns],
        "rows": [
            [
                str(epoch.number),
                *([f"{epoch.learning_rate:g}"] if has_rates else []),
                numbers.decimal(epoch.training_loss, 4),
                decimal(epoch.validation_mse),
                f"{epoch.seconds:.2f}",
            ]
            for epoch in history.epochs
        ],
    }


def rates(
    curves: LearningRates | Mapping[str, LearningRates] | None,
) -> list[dict[str, Any]]:
    """What the learning-rate finder found, a picture each."""
    if curves is None:
        return []
    named_curves = curves if isinstance(curves, Mapping) else {"": curves}
    return [
        {
            "name": name,
            "svg": inline(
                plots.learning_rate(curve),
                f"rates{number}",
                f"Loss while the learning rate grows{' for ' + name if name else ''}",
            ),
            "suggestion": None if curve.suggestion is None else f"{curve.suggestion:.2g}",
        }
        for number, (name, curve) in enumerate(named_curves.items())
    ]
