"""The probes of a tunnel: they see and do not judge, send nothing that a device would answer with a session,
and change nothing.

Rule: every wait has its deadline.
"""
