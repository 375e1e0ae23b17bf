"""One side of a factorization, users, items or days, in the present sweep of the sampler."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tastemap.arrays import Factors, Float64s, Values
from tastemap.data.features import Features
from tastemap.randomness import stream
from tastemap.training.hyperpriors import draw_prior
from tastemap.training.metadata_rows import MetadataFeatures
from tastemap.training.rows import GroupedRows
from tastemap.training.side import CoefficientDraw, RatedFeatures


@dataclass(eq=False, kw_only=True)
class Side:
    """The users or the items of the present sweep.

    Attributes:
        rows: their ratings.
        x: factors then bias, shape (n_rows, k + 1), float32.
        objective: as the kernel writes it, shape (n_rows,), float32.
        normals: room for standard normals, shape of x.
        features: what the rows rated, if that is to tell something of them.
        metadata: what else is known of the rows, if anything is.
        precision: Λ, shape (k + 1, k + 1).
        mean: μ, shape (k + 1,).
        linear: Λ times the prior means, shape (1, k + 1), or (n_rows, k + 1) with features.
    """

    rows: GroupedRows
    x: Factors
    objective: Values
    normals: Factors
    features: RatedFeatures | None
    metadata: MetadataFeatures | None
    precision: Float64s = field(init=False)
    mean: Float64s = field(init=False)
    linear: Float64s | Factors = field(init=False)

    @classmethod
    def begin(
        cls,
        rows: GroupedRows,
        other: GroupedRows | None,
        metadata: Features | None,
        width: int,
        seed: int,
    ) -> Side:
        """Small factors to begin with; ``other`` where its rows are features of these."""
        shape = len(rows), width
        x = stream(seed, f"gibbs/{rows.noun}s/begin").standard_normal(shape, np.float32)
        x *= np.float32(0.3)
        x[:, -1] = 0
        return cls(
            rows=rows,
            x=x,
            objective=np.zeros(len(rows), np.float32),
            normals=np.empty(shape, np.float32),
            features=None if other is None else RatedFeatures.of(rows, other, width),
            metadata=(
                None if metadata is None else MetadataFeatures.of(metadata, rows.rated, width)
            ),
        )

    @property
    def present(self) -> Factors:
        """The rows with ratings, less what their features explain, shape (n, k + 1)."""
        return (self.x - self.explained)[self.rows.rated]

    @property
    def explained(self) -> Factors:
        """What features explain of each row, shape (n_rows, k + 1), or (1, k + 1): nothing."""
        nothing: Factors = np.zeros((1, self.x.shape[1]), np.float32)
        for part in (self.features, self.metadata):
            if part is not None:
                nothing = nothing + part.explained
        return nothing

    def begin_priors(self, number: int, seed: int, spread: float) -> CoefficientDraw | None:
        """Draw what the rows have in common, and the normals of the sweep.

        Args:
            number: of the sweep.
            seed: of everything drawn.
            spread: standard deviation of the ratings.

        Returns:
            A draw of the coefficients of what was rated, to be worked on; None without. Then
            `finish_priors` is to be called.
        """
        noun = self.rows.noun
        chance = stream(seed, f"gibbs/{noun}s/{number}")
        self.precision, self.mean = draw_prior(self.present, spread, chance)
        chance.standard_normal(out=self.normals, dtype=np.float32)
        apart = self.x - self.mean.astype(np.float32)
        if self.metadata is not None:
            rest = apart if self.features is None else apart - self.features.explained
            chance = stream(seed, f"gibbs/{noun}s/metadata/{number}")
            self.metadata.draw(rest, self.precision, spread, chance)
            apart = apart - self.metadata.explained
        if self.features is None:
            return None
        chance = stream(seed, f"gibbs/{noun}s/features/{number}")
        return self.features.begin(apart, self.precision, spread, chance)

    def finish_priors(self) -> None:
        """Λ times the prior means, once all coefficients are drawn."""
        self.linear = (self.precision @ self.mean)[None]
        explained = self.explained
        if len(explained) > 1:
            explained = explained @ self.precision.astype(np.float32)
            self.linear = explained + self.linear.astype(np.float32)
