"""Proxies that may say on whose behalf a request comes."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


class TrustedProxies:
    """Who may say on whose behalf a request comes."""

    def __init__(self, networks: tuple[str, ...]) -> None:
        """Raises ValueError when a network is none."""
        self._networks: tuple[Network, ...] = tuple(ip_network(text, strict=False) for text in networks)

    def __contains__(self, peer: str) -> bool:
        if not self._networks:
            return False
        try:
            address = ip_address(peer)
        except ValueError:  # a unix socket has no address
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)
