"""``python -m minigrad``: what is installed, what an operation is, a gradient check, the spiral in the terminal."""

from minigrad.command.main import main

__all__ = ["main"]
