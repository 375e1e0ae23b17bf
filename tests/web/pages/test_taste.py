"""The form of one's own taste, as a browser without scripts sends it; and choosing the model."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from starlette.testclient import TestClient

import tastemap as tm
from tastemap.web.app import create_app
from tastemap.web.feedback.store import FeedbackStore
from tastemap.web.security.keys import KeyFile, Scope
from tastemap.web.settings import Settings
from tests.conftest import interactions, make_ratings
from tests.web.pages.test_pages import read, some_ratings

if TYPE_CHECKING:
    from pathlib import Path

    from tastemap.data.ratings import Ratings

HERE = {"origin": "http://localhost"}


def send(client: TestClient, fields: list[tuple[str, str]], to: str = "/explore/taste") -> str:
    body = "&".join(f"{name}={value}" for name, value in fields)
    kind = {"content-type": "application/x-www-form-urlencoded"}
    answer = client.post(to, content=body, headers={**HERE, **kind})
    assert answer.status_code == 200, answer.text
    assert read(answer.text).wrong == []
    return answer.text


def hidden(text: str) -> list[tuple[str, str]]:
    """What the form will send again."""
    return re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]+)">', text)


def asked(text: str) -> list[str]:
    part = text[text.index('id="questions"') : text.index('id="found"')]
    return re.findall(r'class="card" data-item="([^"]+)"', part)


def listed(text: str) -> list[str]:
    return re.findall(r'<tbody data-item="([^"]+)"', text)


def test_a_newcomer_rates_what_is_asked_and_gets_a_list(client: TestClient) -> None:
    text = client.get("/explore/taste").text
    first = listed(text)
    known = tm.Recommender.ask_next(client.app.state.shelf.live.recommender, n=4)  # type: ignore[attr-defined]
    assert asked(text) == [str(one) for one in known.items]
    given = []
    for value in ("5", "1", "4.5"):
        item = asked(text)[0]
        given.append((item, value))
        text = send(client, [*hidden(text), (f"rate.{item}", value)])
        assert item not in asked(text)
    assert hidden(text) == [(f"r.{item}", value) for item, value in reversed(given)]
    best = listed(text)
    assert best != first
    model = client.app.state.shelf.live.recommender  # type: ignore[attr-defined]
    ratings = {int(item): float(value) for item, value in given}
    enough = [
        str(one) for one in model.recommend(ratings=ratings, n=len(best), min_ratings=11).items
    ]
    assert best == enough
    assert "your 5 for" in text
    assert "without it" in text


def test_ratings_are_changed_taken_back_and_items_skipped(client: TestClient) -> None:
    text = send(client, [("rate.1", "5"), ("rate.50", "3")])
    assert hidden(text) == [("r.50", "3"), ("r.1", "5")]
    text = send(client, [*hidden(text), ("rate.1", "2")])
    assert hidden(text) == [("r.50", "3"), ("r.1", "2")]
    text = send(client, [*hidden(text), ("drop", "50")])
    assert hidden(text) == [("r.1", "2")]
    item = asked(text)[0]
    text = send(client, [*hidden(text), (f"rate.{item}", "skip")])
    assert ("skip", item) in hidden(text)
    assert item not in asked(text)
    assert "Matrix, The (1999)" in send(client, [*hidden(text), ("q", "matrix")])


def test_nothing_is_stored_unless_asked_for(models: Path, tmp_path: Path) -> None:
    settings = Settings(root=models, model="biased", database=str(tmp_path / "f.sqlite"))
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        store = client.app.state.store  # type: ignore[attr-defined]
        text = send(client, [("rate.1", "5"), ("user", "9001")])
        assert len(store.table()) == 0
        said = send(client, [*hidden(text), ("user", "9001")], "/explore/taste/keep")
        assert "User 9001" in said
        assert {item: one.value for item, one in store.of_user("9001").ratings.items()} == {
            "1": 5.0
        }
        foreign = client.post(
            "/explore/taste/keep",
            content="r.1=5&user=9002",
            headers={"origin": "http://elsewhere.example"},
        )
        assert foreign.status_code == 403
        for body in ("r.1=5&user=", "user=9001", "r.1=99&user=9001", "r.none=5&user=9001"):
            assert client.post("/explore/taste/keep", content=body, headers=HERE).is_client_error
        assert not store.of_user("9002").ratings


@pytest.mark.parametrize(
    ("user", "said"),
    [("ann", "User ids are whole numbers here, not &#39;ann&#39;."), ("", "Write the user id")],
)
def test_an_id_that_cannot_be_kept_under_loses_no_rating(
    client: TestClient, user: str, said: str
) -> None:
    answer = client.post(
        "/explore/taste/keep", content=f"r.1=5&r.50=3&skip=2&user={user}", headers=HERE
    )
    assert answer.status_code == 422
    page = answer.text
    assert read(page).wrong == []
    assert hidden(page) == [("r.1", "5"), ("r.50", "3"), ("skip", "2")]
    assert said in page
    field = re.search(r'<input id="keep-user"[^>]*>', page)
    assert field is not None
    assert f'value="{user}"' in field.group()
    assert 'aria-invalid="true"' in field.group()
    assert '<details class="keep" open>' in page
    again = client.get("/explore/taste/keep", follow_redirects=False)
    assert (again.status_code, again.headers["location"]) == (303, "/explore/taste")


def test_the_form_says_what_ids_look_like(client: TestClient, tmp_path: Path) -> None:
    assert "whole numbers here" in send(client, [("rate.1", "5")])
    named = make_ratings([(f"u{a}", b, float(1 + (a + b) % 5)) for a in range(9) for b in range(6)])
    tm.BiasedMF(solver="als", factors=2).fit(named).save(tmp_path / "m")
    settings = Settings(root=tmp_path, model="m", database=str(tmp_path / "f.sqlite"))
    with TestClient(create_app(settings), base_url="http://localhost") as other:
        assert "Any text can be an id." in send(other, [("rate.1", "5")])


def test_every_step_of_the_scale_can_be_given(tmp_path: Path) -> None:
    given = (1, 2, 3, 5, 6, 8, 10)  # nobody gave 4, 7 or 9
    rows = [(a, b, float(given[(3 * a + b) % 7])) for a in range(20) for b in range(10)]
    ratings = make_ratings(rows)
    tm.BiasedMF(solver="als", factors=2).fit(ratings).save(tmp_path / "plain")
    ordinal = tm.BayesianMF(factors=2, sweeps=12, burn_in=4, draws=4, likelihood="ordinal")
    ordinal.fit(ratings).save(tmp_path / "ordinal")
    for model, wanted in (("plain", range(1, 11)), ("ordinal", given)):
        with TestClient(
            create_app(Settings(root=tmp_path, model=model)), base_url="http://localhost"
        ) as client:
            text = client.get("/explore/taste").text
            first = asked(text)[0]
            steps = re.findall(rf'<button name="rate.{first}" value="(\d+)"', text)
            assert steps == [str(step) for step in wanted]
            names = re.findall(
                r'<th scope="row" class="n">(\d+)</th>', client.get("/explore/items/1").text
            )
            assert names == steps


def test_titles_few_rated_are_left_out_as_far_as_asked(client: TestClient) -> None:
    # Eleven ratings: the items with as many have four fifths of all bundled ratings.
    model = client.app.state.shelf.live.recommender  # type: ignore[attr-defined]
    counts = np.sort(model.ratings.item_counts)[::-1]
    assert counts[counts >= 11].sum() >= 0.8 * counts.sum() > counts[counts >= 12].sum()
    text = client.get("/explore/taste").text
    assert f"Left out: {np.sum(counts < 11):,} with fewer than 11 training ratings" in text
    some = send(client, [("r.1", "5"), ("least", "150")])
    of = {
        str(one): n
        for one, n in zip(
            model.ratings.item_ids.raws(range(len(counts))), model.ratings.item_counts, strict=True
        )
    }
    assert all(of[item] >= 150 for item in listed(some))
    assert hidden(some) == [("r.1", "5")]
    text = client.get("/explore/users/4?least=150").text
    assert all(of[item] >= 150 for item in listed(text))
    assert "with fewer than 150 training ratings" in text
    assert 'name="least"' in text
    assert client.get("/explore/users/4?least=few").status_code == 422
    wrong = client.post("/explore/taste", content="r.1=5&least=few", headers=HERE)
    assert wrong.status_code == 422
    assert hidden(wrong.text) == [("r.1", "5")]
    assert "must be a whole number" in wrong.text


def test_a_model_that_counts_what_is_known_says_so(movielens: Ratings, tmp_path: Path) -> None:
    ratings = movielens.take(np.flatnonzero(movielens.users < 60))
    tm.EASE().fit(ratings).with_liking().save(tmp_path / "any")
    tm.EASE(min_rating=4).fit(ratings).save(tmp_path / "least")
    tm.ItemKNN(similarity="adjusted cosine").fit(ratings).save(tmp_path / "ratings")
    shown = {}
    for model in ("any", "least", "ratings"):
        with TestClient(
            create_app(Settings(root=tmp_path, model=model)), base_url="http://localhost"
        ) as client:
            shown[model] = [send(client, [("r.3", value)]) for value in ("5", "1")]
            their = client.get("/explore/users/4").text
            if model == "any":
                assert "This model counts what they know, not how they rate it." in their
    high, low = shown["any"]
    assert listed(high) == listed(low)
    assert "This model counts what you know, not how you rate it." in high
    assert "your 5 for" not in high
    chances = [re.findall(r"<td class=\"n\">(\d+%)</td>", text) for text in (high, low)]
    assert len(chances[0]) == len(listed(high))
    assert chances[0] != chances[1]
    assert '<th scope="col" class="n">chance of liking</th>' in high
    assert "what you rated 4 or higher" in shown["least"][0]
    assert "chance of liking" not in shown["least"][0]
    assert "This model counts" not in shown["ratings"][0]


@pytest.mark.parametrize(
    "body",
    [b"rate.1=high", b"rate.1=nan", b"r.1=99", b"r.999999=5", b"\xff=1", b"r.1=%ff", b"&" * 5000],
)
def test_forms_nobody_made_are_refused_or_read(client: TestClient, body: bytes) -> None:
    answer = client.post("/explore/taste", content=body, headers=HERE)
    assert answer.status_code in (200, 400, 404, 422)
    assert read(answer.text).wrong == []


def test_models_of_lists_ask_what_most_know(tmp_path: Path) -> None:
    ratings = interactions(some_ratings())
    tm.EASE().fit(ratings).save(tmp_path / "m")
    settings = Settings(root=tmp_path, model="m")
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        text = client.get("/explore/taste").text
        most = [str(one) for one in ratings.item_ids.raws(ratings.most_rated_items(4))]
        assert asked(text) == most
        text = send(client, [(f"rate.{most[0]}", "1")])
        assert most[0] not in asked(text) + listed(text)
        assert listed(text)


def test_a_model_that_takes_nobody_in_says_so(models: Path) -> None:
    settings = Settings(root=models, model="biases")
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        assert "cannot take in new users" in client.get("/explore/taste").text


def test_the_model_page_serves_another_model(models: Path, tmp_path: Path) -> None:
    root = tmp_path / "models"
    shutil.copytree(models, root)
    (root / "torn").mkdir()
    (root / "torn" / "manifest.json").write_text("{", encoding="utf-8")
    with TestClient(
        create_app(Settings(root=root, model="biased")), base_url="http://localhost"
    ) as client:
        text = client.get("/explore/model").text
        assert re.search(r'aria-label="Serve biases"', text)
        assert "manifest.json" in text
        answer = client.post("/admin/serve", content="model=biases", headers=HERE)
        assert answer.status_code == 200
        assert '<h1 dir="auto">biases</h1>' in answer.text
        assert client.post("/admin/serve", content="model=../x", headers=HERE).status_code == 422
        assert client.get("/").status_code == 200


def test_the_model_page_shows_what_was_measured(movielens: Ratings, tmp_path: Path) -> None:
    few = movielens.take(np.flatnonzero(movielens.users < 60))
    split = tm.split.random(few, valid_fraction=0.2, seed=1)
    tm.BayesianMF(sweeps=20, burn_in=8, draws=8).fit(split.train, split.valid).save(tmp_path / "b")
    tm.BiasesOnly().fit(split.train, split.valid).save(tmp_path / "flat")
    tm.BiasesOnly().fit(split.train).save(tmp_path / "unmeasured")
    with TestClient(
        create_app(Settings(root=tmp_path, model="b")), base_url="http://localhost"
    ) as client:
        text = client.get("/explore/model").text
        model = client.app.state.shelf.live.recommender  # type: ignore[attr-defined]
        assert f"{model.evaluation.rmse:.4f}" in text
        assert "Learning curve over 20 sweeps" in text
        assert f"{model.coverage.share:.1%}" in text
        assert "users <span>with few</span>" in text
        assert "bursts of days" in text
        assert model.ratings.fingerprint in text


def test_pages_offer_what_the_key_allows(models: Path, tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "keys.json")
    tokens = {scope: keys.add(f"<{scope}>", scope)[1] for scope in Scope}
    settings = Settings(
        root=models, model="biased", keys=keys.path, database=str(tmp_path / "f.sqlite")
    )
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        for scope, token in tokens.items():
            client.headers["authorization"] = f"Bearer {token}"
            text = client.get("/explore/model").text
            assert f'Sign out <span dir="auto">&lt;{scope}&gt;</span>' in text
            assert ("Serve biases" in text) == (scope is Scope.ADMIN)
            rated = send(client, [("rate.1", "5")])
            assert ("Keep these ratings" in rated) == (scope is not Scope.READ)


def test_a_store_that_cannot_keep_is_said_on_a_page(models: Path, tmp_path: Path) -> None:
    store = FeedbackStore.open(tmp_path / "f.sqlite")
    with TestClient(
        create_app(Settings(root=models, model="biased"), store), base_url="http://localhost"
    ) as client:
        store.close()
        answer = client.post("/explore/taste/keep", content="r.1=5&user=9", headers=HERE)
        assert answer.status_code == 503
        assert "They could not be stored" in answer.text
        assert hidden(answer.text) == [("r.1", "5")]
        assert client.post("/explore/taste", content="rate.1=5", headers=HERE).status_code == 200
