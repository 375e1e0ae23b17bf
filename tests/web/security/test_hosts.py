"""Names and origins: whom a service listens to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemap.errors import ConfigError
from tastemap.web.security.hosts import (
    Hosts,
    check_exposure,
    is_loopback,
    name_in,
    network_of,
    same_origin,
)

OURS = ("localhost", "localhost:8000", "127.0.0.1:8000", "127.9.9.9", "[::1]:80", "LOCALHOST.")
FOREIGN = (
    "",
    "evil.example",
    "evil.example:8000",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "localhost@evil.example",
    "evil.example#localhost",
    "localhost, evil.example",
    "2130706433",
    "[::1",
    "[127.0.0.1]x",
    "0.0.0.0",  # noqa: S104
)


@pytest.mark.parametrize("host", OURS)
def test_this_machine_is_answered(host: str) -> None:
    assert Hosts().allow(host, keyed=False)


@pytest.mark.parametrize("host", FOREIGN)
def test_names_that_could_be_rebound_are_not(host: str) -> None:
    assert not Hosts().allow(host, keyed=False)


def test_with_keys_addresses_and_given_names_are_answered_and_no_others() -> None:
    hosts = Hosts(("Films.Example",))
    assert hosts.allow("films.example:8000", keyed=True)
    assert hosts.allow("192.0.2.7:8000", keyed=True)
    assert not hosts.allow("192.0.2.7:8000", keyed=False)
    assert not hosts.allow("a.films.example", keyed=True)


@given(st.text(max_size=60))
def test_no_header_breaks_the_check(host: str) -> None:
    name = name_in(host)
    assert Hosts().allow(host, keyed=False) == is_loopback(name)


def test_what_is_remembered_of_hosts_is_bounded() -> None:
    hosts = Hosts()
    for number in range(1000):
        hosts.allow(f"host{number}.example", keyed=True)
    assert len(hosts._known) <= 100


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "films.example", ""])  # noqa: S104
def test_without_keys_only_this_machine_may_be_listened_to(host: str) -> None:
    with pytest.raises(ConfigError, match=r"needs a key.*tastemap keys add"):
        check_exposure(host, hosts=(), origins=(), keyed=False)
    check_exposure(host, hosts=(), origins=(), keyed=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_needs_no_key(host: str) -> None:
    check_exposure(host, hosts=(), origins=(), keyed=False)


def test_other_names_and_origins_need_a_key_too() -> None:
    with pytest.raises(ConfigError, match=r"the name films\.example needs a key"):
        check_exposure("127.0.0.1", hosts=("films.example",), origins=(), keyed=False)
    with pytest.raises(ConfigError, match=r"pages of https://a\.example needs? a key"):
        check_exposure("127.0.0.1", hosts=(), origins=("https://a.example",), keyed=False)


@pytest.mark.parametrize(
    ("hosts", "origins"),
    [(("*",), ()), (("a b",), ()), (("a.example:80",), ()), ((), ("*",)), ((), ("a.example",)),
     ((), ("https://a.example/",)), ((), ("null",))],
)  # fmt: skip
def test_what_is_no_name_or_origin_is_refused(
    hosts: tuple[str, ...], origins: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigError, match="give one such as"):
        check_exposure("127.0.0.1", hosts=hosts, origins=origins, keyed=True)


@pytest.mark.parametrize(
    ("origin", "site", "right"),
    [
        ("", "", True),  # a program, no browser
        ("http://localhost:8000", "same-origin", True),
        ("https://localhost:8000", "same-origin", True),
        ("https://shop.example", "cross-site", True),
        ("", "cross-site", False),
        ("", "same-site", False),
        ("null", "cross-site", False),
        ("http://localhost:9000", "same-site", False),
        ("http://evil.example", "cross-site", False),
        ("http://localhost:8000.evil.example", "cross-site", False),
        ("https://shop.example.evil", "cross-site", False),
    ],
)
def test_what_changes_something_comes_from_our_pages(origin: str, site: str, right: bool) -> None:
    allowed = ("https://shop.example",)
    assert same_origin(origin, site, "localhost:8000", allowed=allowed) == right


def test_a_network_of_ipv6_is_one_client() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:2")
    assert network_of("2001:db8::1") != network_of("2001:db8:0:1::1")
    assert network_of("192.0.2.1") != network_of("192.0.2.2")
    assert network_of("::ffff:192.0.2.1") != network_of("::ffff:192.0.2.2")
    assert network_of("forged\nname") == "unknown"
