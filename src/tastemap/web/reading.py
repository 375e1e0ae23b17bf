"""What the service tells of items and of the model: nothing here is about one user."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tastemap.arrays import Mask, Values
from tastemap.errors import NotFittedFor
from tastemap.maps.data import map_data
from tastemap.maps.ends import deviations, shown_components
from tastemap.recommender import Recommender
from tastemap.web.people import People
from tastemap.web.schemas import items, reading
from tastemap.web.schemas.asked import Id

if TYPE_CHECKING:
    from tastemap.explanation.biases import BiasRanking
    from tastemap.explanation.components import Component, Components

COMPONENTS = 6
"""Components on a map, as far as the model has them."""

Allowed = Callable[[tuple[str, ...], tuple[str, ...], int], tuple[Mask, dict[str, int]]]


class Reading:
    """Reads a model.

    Args:
        recommender: the model.
        people: knows its ids.
        allowed: which items fit filters, as `tastemap.ranking.allowed_items` says it.
        name: of the model's folder.
    """

    def __init__(
        self, recommender: Recommender, people: People, allowed: Allowed, name: str
    ) -> None:
        self.recommender, self.people, self.name = recommender, people, name
        self.ratings, self.catalog = recommender.ratings, recommender.catalog
        self._allowed = allowed
        self._components = lru_cache(maxsize=16)(self._find_components)
        self._ranked = lru_cache(maxsize=16)(self._find_ranked)

    # Items

    def item(self, item: Id) -> items.Item:
        """What is known of an item.

        Raises:
            UnknownItemError: there is no such item.
        """
        return self._items([self.people.item_code(item)])[0]

    def similar(self, item: Id, asked: items.SimilarOptions) -> items.SimilarItems:
        """The items most like another.

        Raises:
            UnknownItemError: there is no such item.
            NotFittedFor: the model has no item vectors.
        """
        code = self.people.item_code(item)
        raw = self.ratings.item_ids.raw(code)
        found = self.recommender.similar_items(raw, asked.n, min_ratings=asked.min_ratings)
        return items.SimilarItems(
            of=raw,
            title=self.catalog.title(code),
            items=[
                items.Similar(
                    rank=one["rank"],
                    item=one["item"],
                    title=one["title"],
                    similarity=one["similarity"],
                )
                for one in found.to_dicts()
            ],
        )

    def search(self, asked: items.SearchOptions) -> items.Items:
        """Items whose title holds every word that is looked for, most rated first.

        Where none does, those whose title is spelled most like it.

        Raises:
            ConfigError: items have no such metadata.
        """
        catalog = self.catalog
        fits, _ = self._allowed(tuple(asked.include), tuple(asked.exclude), 0)
        codes = [code for code in self._by_count if fits[code]]
        said = asked.search.casefold().split()
        if said:
            folded = self._folded
            found = [code for code in codes if all(word in folded[code] for word in said)]
            # What begins with it is more likely meant than what has it somewhere.
            found.sort(key=lambda code: not folded[code].startswith(said[0]))
            if not found:
                found = [code for code in catalog.search(asked.search) if fits[code]]
            codes = found
        chosen = codes[asked.offset : asked.offset + asked.n]
        return items.Items(total=len(codes), items=self._items(chosen))

    def _items(self, codes: Sequence[int]) -> list[items.Item]:
        rows = self.catalog.take(list(codes)).to_pylist() if self.catalog.columns else []
        counts = self.ratings.item_counts
        biases, deviations = self._biases
        return [
            items.Item(
                item=self.ratings.item_ids.raw(code),
                title=self.catalog.title(code),
                ratings=int(counts[code]),
                mean=float(self._means[code]) if counts[code] and self.ratings.explicit else None,
                bias=None if biases is None else float(biases[code]),
                deviation=None if deviations is None else float(deviations[code]),
                metadata={name: value for name, value in row.items() if name != "title"},
            )
            for code, row in zip(codes, rows or [{}] * len(codes), strict=True)
        ]

    @cached_property
    def _folded(self) -> list[str]:
        return [title.casefold() for title in self.catalog.titles]

    @cached_property
    def _by_count(self) -> list[int]:
        found: list[int] = self.ratings.most_rated_items().tolist()
        return found

    @cached_property
    def _means(self) -> Values:
        of = self.ratings
        sums = np.bincount(of.items, of.values, minlength=of.n_items)
        return np.asarray(sums / np.maximum(of.item_counts, 1), np.float32)

    @cached_property
    def _biases(self) -> tuple[Values | None, Values | None]:
        from tastemap.explanation.biases import item_bias_deviation_of, item_bias_of

        return item_bias_of(self.recommender.model), item_bias_deviation_of(self.recommender.model)

    # Reading

    def components(self, asked: reading.ComponentOptions) -> reading.Components:
        """The main components of taste, with the items at their ends.

        Raises:
            NotFittedFor: the model has no factors.
            ConfigError: there are not so many.
        """

        def placed(table: Component) -> list[reading.Placed]:
            return [
                reading.Placed(
                    item=one["item"],
                    title=one["title"],
                    coordinate=one["coordinate"],
                    ratings=one["ratings"],
                )
                for one in table.to_dicts()
            ]

        found = self.found_components(asked.n, asked.most_rated)
        return reading.Components(
            model=self.name,
            components=[
                reading.Component(
                    component=one.number,
                    share=one.share,
                    deviation=deviation,
                    high=placed(one.top(asked.items)),
                    low=placed(one.bottom(asked.items)),
                )
                for one, deviation in zip(found, deviations(found).tolist(), strict=True)
            ],
        )

    def found_components(self, n: int = 3, most_rated: int = 2000) -> Components:
        """The components themselves, remembered; see `Recommender.components`."""
        return self._components(n, min(most_rated, self.ratings.n_items))

    def _find_components(self, n: int, most_rated: int) -> Components:
        return self.recommender.components(n, most_rated=most_rated)

    @cached_property
    def map(self) -> tuple[bytes, bytes]:
        """All items on the components, as JSON for ``map.js``, and the same packed with gzip.

        Raises:
            NotFittedFor: the model has no factors, or one alone.
            ConfigError: it has none.
        """
        found = shown_components(self.recommender, COMPONENTS)
        if len(found) < 2:
            raise NotFittedFor("a map needs two components, and this model has one")
        plain = map_json(found, model=self.name)
        return plain, gzip.compress(plain, 6, mtime=0)

    def biases(self, asked: reading.BiasOptions) -> reading.Biases:
        """The items with the largest and the smallest biases.

        Raises:
            NotFittedFor: the model has no item biases.
            ConfigError: items have no such metadata.
        """
        allowed, _ = self._allowed(tuple(asked.include), tuple(asked.exclude), asked.min_ratings)
        ranked = self.found_biases(asked.most_rated)
        rows = np.flatnonzero(allowed[ranked.codes])

        def listed(rows: Any) -> list[reading.Biased]:
            return [
                reading.Biased(
                    rank=int(ranked.ranks[row]),
                    item=ranked.items[row],
                    title=ranked.titles[row],
                    bias=float(ranked.biases[row]),
                    deviation=None if ranked.deviations is None else float(ranked.deviations[row]),
                    mean=float(ranked.means[row]),
                    ratings=int(ranked.counts[row]),
                )
                for row in rows
            ]

        return reading.Biases(
            model=self.name,
            ranked=len(rows),
            top=listed(rows[: asked.n]),
            bottom=listed(rows[::-1][: asked.n]),
            remarks=list(ranked.remarks),
        )

    def found_biases(self, most_rated: int = 2000) -> BiasRanking:
        """The ranking itself, remembered; see `Recommender.item_biases`."""
        return self._ranked(min(most_rated, self.ratings.n_items))

    def _find_ranked(self, most_rated: int) -> BiasRanking:
        return self.recommender.item_biases(most_rated)


def map_json(found: Components, written: Callable[[Any], Any] | None = None, **more: Any) -> bytes:
    """The map as ``GET /map`` and the page of the map give it: `map_data` with the items' ids.

    Args:
        found: the components.
        written: what ids are written as; None: as they are.
        more: what to say besides.
    """
    data = {**more, **map_data(found)}
    ids = found.ratings.item_ids.raws(found.map(0, 1).codes)
    data["id"] = ids if written is None else [written(one) for one in ids]
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str)
    return text.encode()
