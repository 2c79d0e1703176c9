"""Files that can be trusted: ``save(path, state)``, ``load(path)``, and ``Checkpoints`` that keep the last few.

The format is safetensors; nothing that is loaded is ever run as code.
"""

from minigrad.files.checkpoints import Checkpoints
from minigrad.files.saving import load, save

__all__ = ["Checkpoints", "load", "save"]
