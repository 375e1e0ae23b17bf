import json
from pathlib import Path

from starlette.testclient import TestClient

import tastemap as tm


def test_health_and_readiness(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok", "version": tm.__version__}
    ready = {"status": "ready", "model": "biased"}
    assert client.get("/ready").json() == ready


def test_the_model_says_what_it_is(client: TestClient, models: Path) -> None:
    answer = client.get("/model").json()
    assert answer["name"] == "biased"
    assert answer["manifest"] == json.loads((models / "biased" / "manifest.json").read_text())
    assert answer["manifest"]["recipe"]["name"] == "biased"
