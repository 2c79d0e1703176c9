"""Other libraries' names over this package's derivatives, for programs that were written for those libraries.

``minigrad.compat.autograd`` has the names of HIPS autograd. Nothing here is imported with ``minigrad`` itself.
"""
