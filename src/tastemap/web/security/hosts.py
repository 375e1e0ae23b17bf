"""Under which names a service answers, and to pages of which origin."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from tastemap.errors import ConfigError

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?", re.ASCII)
_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]+", re.ASCII)


def name_in(host: str) -> str:
    """The name in a header ``Host``, without its port; nothing if it is malformed."""
    found = _HOST.fullmatch(host.lower())
    return (found[1] or found[2]).removesuffix(".") if found else ""


def address_of(name: str) -> IPv4Address | IPv6Address | None:
    """A name as an IP address, if it is one."""
    try:
        return ip_address(name)
    except ValueError:
        return None


def is_loopback(name: str) -> bool:
    """Whether a name means this machine, seen from itself."""
    address = address_of(name)
    return name == "localhost" if address is None else address.is_loopback


def check_exposure(
    host: str, *, hosts: tuple[str, ...], origins: tuple[str, ...], keyed: bool
) -> None:
    """Refuse to open a service without keys to others than the programs of this machine.

    Args:
        host: the address to listen at.
        hosts: names it shall answer to, besides this machine's own.
        origins: of pages that may ask.
        keyed: whether there is a file of keys.

    Raises:
        ConfigError: it would be open, or a name or origin is malformed.
    """
    for name in hosts:
        if not name_in(name) or name_in(name) != name.lower():
            raise ConfigError(f"{name!r} is no name of a host: give one such as example.org")
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ConfigError(f"{origin!r} is no origin: give one such as https://example.org")
    if keyed:
        return
    open_to = [
        *([] if is_loopback(host) else [f"listening at {host}"]),
        *(f"the name {name}" for name in hosts),
        *(f"pages of {origin}" for origin in origins),
    ]
    if open_to:
        raise ConfigError(
            f"{open_to[0]} needs a key, or everybody could read and change everything: "
            "make one with `tastemap keys add`"
        )


class Hosts:
    """The names a service answers to: no others, or any page could ask by DNS rebinding.

    This machine's own names always are. An IP address cannot be rebound, so that with keys any is.
    """

    def __init__(self, names: tuple[str, ...] = ()) -> None:
        self.names = {name.lower() for name in names}
        # The same few headers come again and again: remembered, up to a bound.
        self._known: dict[tuple[str, bool], bool] = {}

    def allow(self, host: str, *, keyed: bool) -> bool:
        """Whether to answer a request with this header ``Host``."""
        known = self._known.get((host, keyed))
        if known is None:
            name = name_in(host)
            known = (
                name in self.names or is_loopback(name) or (keyed and address_of(name) is not None)
            )
            if len(self._known) < 100:
                self._known[host, keyed] = known
        return known


def same_origin(origin: str, site: str, host: str, *, allowed: tuple[str, ...]) -> bool:
    """Whether a request that changes something comes from one of our own pages, or from no page.

    Browsers always tell the origin of such a request; programs that are no browser do not.

    Args:
        origin: the header ``Origin``, if any.
        site: the header ``Sec-Fetch-Site``, if any.
        host: the header ``Host``.
        allowed: other origins that may ask.
    """
    if not origin:
        return site in ("", "same-origin", "none")
    # Behind a proxy we may not know whether it is https; the name and port must be ours.
    return origin in allowed or origin.partition("://")[2].lower() == host.lower()


def network_of(address: str) -> str:
    """Whom an address belongs to: one IPv6 network of 64 bits is one client."""
    found = address_of(address)
    if found is None:
        return "unknown"
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(ip_network((found, 64), strict=False))
    return str(found)
