"""Why a pull or a tunnel fails, found layer by layer.

Rule: the probes (:mod:`glasstunnel.diagnose.probe`) see and do not judge; everything else judges and sees
nothing but what they have seen. Nothing on the machine is changed. Section: the book's part on diagnosis.
"""
