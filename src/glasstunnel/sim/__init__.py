"""A world for devices: one virtual clock, one network with faults, many devices; a day takes a second.

Rule: the same seed gives the same world, to the byte. Nothing here waits, draws from the system's randomness
or looks at a clock: tests, benchmarks and the book's figures replay it at will.
"""

from glasstunnel.sim.network import Corrupt, Datagram, Delay, Drop, Duplicate, Layer, Network, Partition
from glasstunnel.sim.randomness import Randomness
from glasstunnel.sim.world import Node, World

__all__ = [
    "Corrupt",
    "Datagram",
    "Delay",
    "Drop",
    "Duplicate",
    "Layer",
    "Network",
    "Node",
    "Partition",
    "Randomness",
    "World",
]
