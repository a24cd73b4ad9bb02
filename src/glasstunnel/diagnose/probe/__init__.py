"""The probes, one module for each layer.

Rule: only this package opens sockets, files and programs for a diagnosis. A probe never raises for what the
network did: it returns what it saw. Each ends by its own deadline, and those of a layer run beside each
other.
"""
