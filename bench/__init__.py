"""Measurements, each a command: ``make bench`` runs them all. Nothing here decides whether a test passes."""


class UnavailableError(Exception):
    """Something cannot be measured on this machine; why, in one sentence."""
