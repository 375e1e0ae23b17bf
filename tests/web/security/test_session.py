"""Cookies of people who signed in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tastemap.web.security import session
from tastemap.web.security.keys import KeyFile, Scope
from tastemap.web.security.sign_in import local
from tests.web.security.conftest import Keyed


def test_a_cookie_is_its_holders_until_it_ends(keyed: Keyed) -> None:
    key = keyed.file.find(keyed.tokens["write"])
    assert key
    cookie = session.seal(key, now=1000.0)
    assert session.holder(cookie, keyed.file, now=1000.0) == key
    assert session.holder(cookie, keyed.file, now=1000.0 + session.LIFETIME - 1) == key
    assert session.holder(cookie, keyed.file, now=1000.0 + session.LIFETIME) is None


def test_a_cookie_dies_with_its_key(keyed: Keyed) -> None:
    key = keyed.file.find(keyed.tokens["read"])
    assert key
    cookie = session.seal(key)
    keyed.file.remove("read")
    assert session.holder(cookie, keyed.file) is None


def test_no_part_of_a_cookie_can_be_changed(keyed: Keyed) -> None:
    key, other = (keyed.file.find(keyed.tokens[scope]) for scope in ("read", "admin"))
    assert key
    assert other
    id_, expires, signature = session.seal(key).split(".")
    for forged in (
        f"{other.id}.{expires}.{signature}",
        f"{id_}.{int(expires) + 1}.{signature}",
        f"{id_}.{expires}.{signature[:-1]}",
        f"{id_}.{expires}.",
        f"{id_}.{expires}",
        f"{id_}..{signature}",
        signature,
        key.sha256,
    ):
        assert session.holder(forged, keyed.file) is None


@given(data=st.data())
def test_no_text_is_a_cookie(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    file = KeyFile(tmp_path_factory.mktemp("keys") / "keys.json")
    key, _ = file.add("shop", Scope.READ)
    text = data.draw(st.text() | st.text().map(lambda end: f"{key.id}.{end}"))
    assert session.holder(text, file) is None
    session.of(text)


def test_scripts_and_other_sites_never_have_the_cookie() -> None:
    assert session.header("x", secure=False) == (
        "tastemap_session=x; Max-Age=43200; Path=/; HttpOnly; SameSite=Strict"
    )
    assert session.header("x", secure=True).endswith("; Secure")


def test_ours_is_found_among_others() -> None:
    assert session.of("a=b; tastemap_session=id.1.ff; c=d") == "id.1.ff"
    assert session.of("xtastemap_session=id") == ""
    assert session.of("tastemap_session") == ""


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_signing_in_opens_pages_and_signing_out_closes_them(keyed: Keyed, scheme: str) -> None:
    asking = keyed.ask()
    asking.base_url = asking.base_url.copy_with(scheme=scheme)
    first = asking.get("/explore/items/1", headers={"Accept": "text/html"})
    assert (first.status_code, first.headers["location"]) == (
        303,
        "/sign-in?next=/explore/items/1",
    )
    page = asking.get(first.headers["location"])
    assert page.status_code == 200
    assert 'value="/explore/items/1"' in page.text
    form = {"key": keyed.tokens["read"], "next": "/explore/items/1"}
    done = asking.post("/sign-in", data=form)
    assert (done.status_code, done.headers["location"]) == (303, "/explore/items/1")
    assert ("Secure" in done.headers["set-cookie"]) == (scheme == "https")
    assert keyed.tokens["read"] not in done.headers["set-cookie"]
    assert asking.get("/explore/items/1").json()["key"] == "read"
    assert asking.post("/ratings").status_code == 403
    assert asking.post("/sign-out").headers["location"] == "/sign-in"
    assert not asking.cookies
    assert asking.get("/explore/items/1").status_code == 401


def test_a_cookie_from_another_site_cannot_change_anything(keyed: Keyed) -> None:
    asking = keyed.ask()
    asking.post("/sign-in", data={"key": keyed.tokens["write"]})
    assert asking.post("/ratings").status_code == 200
    foreign = asking.post("/ratings", headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    silent = asking.delete("/users/1", headers={"Sec-Fetch-Site": "cross-site"})
    assert silent.status_code == 403
    login = asking.post(
        "/sign-in", data={"key": keyed.tokens["read"]}, headers={"Origin": "https://evil.example"}
    )
    assert login.status_code == 403


def test_a_failed_sign_in_tells_nothing_and_logs_no_key(
    keyed: Keyed, caplog: pytest.LogCaptureFixture
) -> None:
    asking = keyed.ask()
    token = keyed.tokens["admin"]
    wrong = ("nonsense", token[:-1], token.replace(token.split("_")[1], "00000000"), "")
    pages = [asking.post("/sign-in", data={"key": key, "next": "/x"}) for key in wrong]
    assert {page.status_code for page in pages} == {401}
    assert len({page.text for page in pages}) == 1
    assert "not valid" in pages[0].text
    assert not asking.cookies
    assert len(caplog.records) == len(wrong)
    assert {record.getMessage() for record in caplog.records} == {"a wrong key from unknown"}


def test_who_guesses_is_slowed_down_but_a_right_key_is_not(keyed: Keyed) -> None:
    asking = keyed.ask()
    answers = [asking.post("/sign-in", data={"key": f"guess {n}"}) for n in range(15)]
    assert [one.status_code for one in answers] == [401] * 10 + [429] * 5
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 7
    assert asking.get("/x", headers={"Authorization": "Bearer guess"}).status_code == 429
    right = asking.post("/sign-in", data={"key": keyed.tokens["read"]})
    assert right.status_code == 303


@pytest.mark.parametrize(
    "address",
    ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "evil:1",
     "/\t/evil.example", "/\n/evil.example", "", "evil", "///evil.example", "/x\\..\\y"],
)  # fmt: skip
def test_signing_in_leads_nowhere_else(keyed: Keyed, address: str) -> None:
    done = keyed.ask().post("/sign-in", data={"key": keyed.tokens["read"], "next": address})
    assert (done.status_code, done.headers["location"]) == (303, "/")


@given(st.text(alphabet=st.sampled_from("/\\:.@?#%a\t\n\u2028 ")))
def test_no_address_leads_elsewhere(address: str) -> None:
    found = local(address)
    assert found == "/" or (found == address and found[0] == "/" and found[1:2] not in ("/", "\\"))


def test_the_page_shows_no_markup_of_others(keyed: Keyed) -> None:
    page = keyed.ask().get('/sign-in?next=/"><script>alert(1)</script>')
    assert "<script>" not in page.text


def test_without_keys_there_is_nothing_to_sign_in_to(keyless: TestClient) -> None:
    for answer in (keyless.get("/sign-in?next=/x"), keyless.post("/sign-in", data={"next": "/x"})):
        assert (answer.status_code, answer.headers["location"]) == (303, "/x")
