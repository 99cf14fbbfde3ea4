"""Addresses: which of them lie on the open internet, by a table of our own, so that no version of Python decides it.

The table is IANA's registries of special-purpose addresses for IPv4 and IPv6 (all of it, also what is said to be
reachable everywhere: nobody keeps pictures there), multicast, and where clouds keep what is only for their machines
though it looks public. Of IPv6 only what is given to the internet (2000::/3) can be public. An IPv4 address inside an
IPv6 one counts as itself.
"""

from __future__ import annotations

import ipaddress
from functools import cache

_Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

_REFUSED_V4 = """
0.0.0.0/8        this network          10.0.0.0/8       private              100.64.0.0/10    shared by a provider
127.0.0.0/8      this machine          169.254.0.0/16   link, metadata       172.16.0.0/12    private
192.0.0.0/24     protocols, metadata   192.0.2.0/24     documentation        192.31.196.0/24  AS112
192.52.193.0/24  AMT relays            192.88.99.0/24   6to4 relays          192.168.0.0/16   private
192.175.48.0/24  AS112                 198.18.0.0/15    benchmarks           198.51.100.0/24  documentation
203.0.113.0/24   documentation         224.0.0.0/4      multicast            240.0.0.0/4      reserved, broadcast
168.63.129.16/32 Azure, its machines   192.80.8.124/32  Equinix, metadata    161.26.0.0/16    IBM, its services
166.8.0.0/14     IBM, its services
"""
_INTERNET_V6 = "2000::/3"
_REFUSED_V6 = """
2001::/23        protocols, Teredo     2001:db8::/32    documentation        2002::/16        6to4
2620:4f:8000::/48 AS112                3fff::/20        documentation
"""
_NAT64 = "64:ff9b::/96"
_CARRIERS = ("::ffff:0:0/96", _NAT64)  # mapped, translated: an IPv4 address in the last four bytes
_ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")  # bytes 8 to 12; the IPv4 address is behind them


def is_private(address: str) -> bool:
    """Return whether an IP address is anything else than a plain public one; what is not an address is private."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    if isinstance(ip, ipaddress.IPv4Address):
        return any(ip in network for network in _networks(_REFUSED_V4))
    if any(ip in network for network in _networks(" ".join(_CARRIERS))):
        return is_private(str(ipaddress.IPv4Address(ip.packed[12:])))
    if ip.packed[8:12] in _ISATAP and is_private(str(ipaddress.IPv4Address(ip.packed[12:]))):
        return True
    return ip not in ipaddress.ip_network(_INTERNET_V6) or any(ip in network for network in _networks(_REFUSED_V6))


@cache
def _networks(table: str) -> _Networks:
    return tuple(ipaddress.ip_network(word) for word in table.split() if "/" in word)
