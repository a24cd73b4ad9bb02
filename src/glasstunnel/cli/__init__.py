"""The command line.

Rule: ``glasstunnel COMMAND`` is the module of that name in this package, imported only when it is asked for;
a module has ``configure(parser)``, ``run(arguments)`` and ``ERRORS``, the errors that are the user's and not
ours.

Our programs have one thread. numpy would start another for its linear algebra, which nobody here uses; and a
process with two gets no user namespace (unshare(2), EINVAL), and forks with a warning.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before anything imports numpy
