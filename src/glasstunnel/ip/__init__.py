"""IP packets as bytes: IPv4, IPv6, ICMP, ICMPv6, UDP and TCP parsed, built and checked.

Rule: pure. Nothing here opens a socket, reads a clock or keeps state. Every parser is a view over the caller's
buffer and raises :exc:`~glasstunnel.ip.address.PacketError`, and nothing else, on bytes it cannot accept.
Sources: RFC 791, 8200, 792, 4443, 768, 9293, 1071.
"""
