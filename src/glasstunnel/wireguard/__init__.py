"""WireGuard, whole and pure: handshake, transport data, timers, peers and allowed IPs as functions of their
inputs.

Rule of the room: no socket, clock, file, thread or global randomness. ``now`` (seconds of a monotonic clock),
``wall`` (nanoseconds since 1970, for TAI64N only) and ``rng`` (a function from a length to that many random
bytes) are arguments; what is to be sent comes back as a list of events.

"WP" in this package is the WireGuard paper, https://www.wireguard.com/papers/wireguard.pdf; "kernel" is
``WireGuard/wireguard-linux-compat`` at commit 3d3c92b4711b42169137b2ddf42ed4382e2babdf.
"""
