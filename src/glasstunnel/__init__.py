"""glasstunnel: a complete WireGuard VPN in Python that its own book explains.

Rule of the house: importing this package imports nothing else. Each room (``noise``, ``wireguard``, ``ip``,
``host``, ``operate``, ``cli``) is imported by who needs it; see the page on the architecture.
"""

__version__ = "0.1.0"
