"""A world for devices: one virtual clock, one network with faults, many devices; a day takes a second.

Rule: the same seed gives the same world, to the byte. Nothing here waits, draws from the system's randomness
or looks at a clock: tests, benchmarks and the book's figures replay it at will.
"""

from glasstunnel.sim.attacks import Replay
from glasstunnel.sim.faults import Corrupt, Delay, Drop, Duplicate, Partition, Reorder, Truncate
from glasstunnel.sim.nat import Nat
from glasstunnel.sim.network import Datagram, Layer, Network
from glasstunnel.sim.randomness import Randomness
from glasstunnel.sim.world import Node, World

__all__ = [
    "Corrupt",
    "Datagram",
    "Delay",
    "Drop",
    "Duplicate",
    "Layer",
    "Nat",
    "Network",
    "Node",
    "Partition",
    "Randomness",
    "Reorder",
    "Replay",
    "Truncate",
    "World",
]
