"""The command line.

Rule: ``glasstunnel COMMAND`` is the module of that name in this package, imported only when it is asked for;
a module has ``configure(parser)``, ``run(arguments)`` and ``ERRORS``, the errors that are the user's and not
ours.
"""
