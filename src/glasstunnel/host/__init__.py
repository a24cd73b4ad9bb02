"""The room that touches the operating system for the tunnels: TUN, UDP, netlink, nftables, clocks, the event
loop.

Rule: what the kernel gives and takes is turned into the plain values of the pure core here and nowhere else,
and whatever is done to the system is written down first, so that it can be undone.
"""
