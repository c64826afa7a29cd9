# SPDX-License-Identifier: MIT
"""Reachability after spec/links.md, for who is asked; without the budgets of VX6-LINK-033."""
import ipaddress

from peer_codec import Refused
from peer_link import Closed, Link
from peer_query import Asker
from peer_records import require, verify_node_record


def site_of(ip):
    """VX6-LINK-042: of IPv6 the /64, of IPv4 the address."""
    packed = ipaddress.ip_address(ip).packed
    return packed if len(packed) == 4 else packed[:8]


def address_of(endpoint):
    ip = ipaddress.IPv6Address(endpoint["ip"])
    return str(ip.ipv4_mapped or ip), endpoint["port"]


def dial_back(link, endpoint, record):
    """What a `reach_ask` is answered with (VX6-LINK-031)."""
    verified = verify_node_record(record)
    identity, endpoints = verified["identity"], verified["endpoints"]
    require(identity == link.peer["identity"], "somebody else's record", "BAD_RECORD")
    if endpoint >= len(endpoints):
        return "INVALID"
    address = address_of(endpoints[endpoint])
    try:
        if site_of(address[0]) != site_of(link.carrier.getpeername()[0]):
            Asker("::" if ":" in address[0] else "0.0.0.0").ask(address, identity, "ping", tries=2)
        Link.dial(address, link.me, expected=identity).close()
    except TimeoutError:
        return "TIMEOUT"
    except Refused as refused:
        return refused.code if refused.code == "KEY_MISMATCH" else "UNREACHABLE"
    except (Closed, OSError):
        return "UNREACHABLE"
    return "OK"
