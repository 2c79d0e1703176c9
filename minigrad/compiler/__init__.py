"""``mg.compile``: a step as a NumPy program that can be read and replayed.

``tracing`` records one run, ``guards`` say when a program may run again, ``program`` is the form between, ``passes``
change it, ``backends`` run it, ``output`` shows it, and ``compiled`` leads from one to the next.
"""

from minigrad.compiler.compiled import Compiled, compile

__all__ = ["Compiled", "compile"]
