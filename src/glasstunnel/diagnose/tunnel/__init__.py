"""Why a tunnel does not come up or carries nothing, found layer by layer.

Rule: as for a pull: the probes see and do not judge, and nothing is changed. No initiation is ever made here:
a second one beside a running device would take its session and its endpoint away. The device is asked to try.
Section: the book's part on diagnosis.
"""
