"""Measurements, each a command: ``make bench`` runs them all. Nothing here decides whether a test passes."""
