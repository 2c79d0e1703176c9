"""``mg.compile``: a step as a NumPy program that can be read and replayed.

``recorder`` stands in for arrays, ``recording`` writes down one run, ``reach`` watches what a function can see,
``agreement`` holds two recordings against each other, ``program`` is the form between, ``passes`` change it,
``replay`` runs it, ``source`` shows it.
"""

from minigrad.compiler.compiled import Compiled, compile  # noqa: A004 - mg.compile

__all__ = ["Compiled", "compile"]
