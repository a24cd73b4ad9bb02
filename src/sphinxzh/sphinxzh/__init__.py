"""Sphinx extensions for Chinese sites."""

__version__ = "0.1.0"
