"""The noise room's settings: properties are tried on the same examples each time, however slow the machine."""

from hypothesis import settings

settings.register_profile("noise", deadline=None, derandomize=True)
settings.load_profile("noise")
