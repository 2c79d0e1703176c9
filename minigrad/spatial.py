"""``mg.spatial``: rotations in three dimensions under the names of ``scipy.spatial.transform``, differentiable."""

from typing import TYPE_CHECKING

from minigrad.numerics import rotations
from minigrad.numerics.rotations import *
from minigrad.support.idioms import missing_from

__all__: list[str] = []
__all__ += rotations.__all__

if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
