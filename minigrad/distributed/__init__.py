"""Several processes that train one model: who this one is, and how it joins the others.

``python -m minigrad launch --processes 4 train.py`` starts a script in four of them (docs/scaling-out.md).
"""

from minigrad.distributed.joining import start
from minigrad.distributed.variables import rank, size

__all__ = ["rank", "size", "start"]
