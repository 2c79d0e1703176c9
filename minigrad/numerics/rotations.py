"""Rotations in three dimensions, with the names of ``scipy.spatial.transform.Rotation``, differentiable."""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import numpy as np

from minigrad.core.conversion import detached
from minigrad.core.members import everywhere
from minigrad.errors import ShapeError
from minigrad.ops.along import together
from minigrad.typing import ArrayLike

__all__ = ["Rotation"]

#: Angles below which a series has all digits, as squares.
_SMALL = 1e-3


class Rotation:
    """One rotation, or a stack of them: unit quaternions ``(x, y, z, w)`` in the last axis.

    ``r.apply(v)`` turns vectors, ``r * s`` turns by s and then by r, ``r.inv()`` turns back.

    >>> quarter = mg.spatial.Rotation.from_rotvec([0.0, 0.0, np.pi / 2])
    >>> np.round(quarter.apply([1.0, 0.0, 0.0]), 12)
    array([0., 1., 0.])
    """

    def __init__(self, quat: Any) -> None:
        self._quat = quat

    # -- made of --------------------------------------------------------------------------------

    @classmethod
    def from_quat(cls, quat: ArrayLike, *, scalar_first: bool = False) -> Rotation:
        """Of quaternions ``(x, y, z, w)`` of any length but 0, or ``(w, x, y, z)`` with ``scalar_first``."""
        q = _with_last("from_quat", quat, 4)
        q = q[..., np.array([1, 2, 3, 0])] if scalar_first else q
        length = np.sqrt(np.sum(q * q, -1, keepdims=True))
        if not everywhere(detached(length) > 0):
            raise ValueError("Rotation.from_quat takes quaternions of a length that is not 0")
        return cls(q / length)

    @classmethod
    def from_rotvec(cls, rotvec: ArrayLike, degrees: bool = False) -> Rotation:
        """Of vectors along the axis, as long as the angle; smooth at 0 too."""
        v = _with_last("from_rotvec", rotvec, 3)
        v = v * (math.pi / 180) if degrees else v
        square = np.sum(v * v, -1, keepdims=True)
        small = square < _SMALL
        near, far = np.where(small, square, 0.0), np.where(small, 1.0, square)
        angle = np.sqrt(far)
        half_sinc = np.where(
            small, 0.5 + near * (-1 / 48 + near * (1 / 3840 - near / 645120)), np.sin(angle / 2) / angle
        )
        cosine = np.where(small, 1 + near * (-1 / 8 + near * (1 / 384 - near / 46080)), np.cos(angle / 2))
        return cls(np.concatenate([v * half_sinc, cosine], -1))

    @classmethod
    def from_matrix(cls, matrix: ArrayLike) -> Rotation:
        """Of rotation matrices in the last two axes: Shepperd's way, by the largest element of the quaternion.

        The matrices are taken as orthogonal, and their gradients as those of the nine elements.
        """
        (m,) = together(matrix)
        if m.ndim < 2 or m.shape[-2:] != (3, 3):
            raise ShapeError(f"Rotation.from_matrix takes matrices of shape (..., 3, 3), got {m.shape}")
        diagonal = np.diagonal(m, 0, -2, -1)
        trace = np.sum(diagonal, -1, keepdims=True)
        sizes = np.concatenate([diagonal, trace], -1)
        largest = np.argmax(detached(sizes), -1)
        each = [_with_largest(m, trace[..., 0], k) for k in range(4)]
        q = each[3]
        for k in range(3):
            q = np.where(np.expand_dims(largest == k, -1), each[k], q)
        return cls.from_quat(q)

    @classmethod
    def from_euler(cls, seq: str, angles: ArrayLike, degrees: bool = False) -> Rotation:
        """Of angles about one to three axes one after the other: "xyz" fixed ones, "XYZ" ones that turn along."""
        if not 1 <= len(seq) <= 3 or not (set(seq) <= set("xyz") or set(seq) <= set("XYZ")):
            raise ValueError(f"seq is one to three of 'xyz', or of 'XYZ', got {seq!r}")
        (a,) = together(angles)
        a = np.expand_dims(a, -1) if len(seq) == 1 and (a.ndim == 0 or a.shape[-1] != 1) else a
        if a.shape[-1] != len(seq):
            raise ShapeError(
                f"Rotation.from_euler({seq!r}) takes {len(seq)} angles in the last axis, got shape {a.shape}"
            )
        units = np.eye(3, dtype=a.dtype)[["xyz".index(axis) for axis in seq.lower()]]
        turns = [cls.from_rotvec(np.expand_dims(a[..., k], -1) * unit, degrees) for k, unit in enumerate(units)]
        return functools.reduce(operator.mul, turns if seq.isupper() else turns[::-1])

    @classmethod
    def identity(cls, num: int | None = None) -> Rotation:
        """No turn at all, or a stack of ``num`` of them."""
        return cls(np.broadcast_to(np.array([0.0, 0.0, 0.0, 1.0]), (4,) if num is None else (num, 4)))

    # -- seen as --------------------------------------------------------------------------------

    def as_quat(self, canonical: bool = False, *, scalar_first: bool = False) -> Any:
        """Unit quaternions ``(x, y, z, w)``; ``canonical`` makes w, of q and -q the same turn, not negative."""
        q = self._quat * _sign(self._quat[..., 3:]) if canonical else self._quat * 1
        return q[..., np.array([3, 0, 1, 2])] if scalar_first else q

    def as_matrix(self) -> Any:
        """Rotation matrices in the last two axes."""
        x, y, z, w = (self._quat[..., k] for k in range(4))
        rows = [
            [x * x - y * y - z * z + w * w, 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), y * y - x * x - z * z + w * w, 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), z * z - x * x - y * y + w * w],
        ]
        return np.stack([np.stack(row, -1) for row in rows], -2)

    def as_rotvec(self, degrees: bool = False) -> Any:
        """Vectors along the axis, as long as the angle, which is at most pi; smooth at 0 too."""
        q = self._quat * _sign(self._quat[..., 3:])
        v, w = q[..., :3], q[..., 3:]
        square = np.sum(v * v, -1, keepdims=True)
        small = square < _SMALL
        t = np.where(small, square, 0.0) / np.where(small, w, 1.0) ** 2
        near = 2 / np.where(small, w, 1.0) * (1 + t * (-1 / 3 + t * (1 / 5 + t * (-1 / 7 + t * (1 / 9 - t / 11)))))
        length = np.sqrt(np.where(small, 1.0, square))
        far = 2 * np.arctan2(length, np.where(small, 1.0, w)) / length
        z = v * np.where(small, near, far)
        return z * (180 / math.pi) if degrees else z

    def magnitude(self) -> Any:
        """The angles, from 0 to pi; at 0 the gradient is 0."""
        v = self.as_rotvec()
        return np.linalg.norm(v, axis=-1)

    # -- at work --------------------------------------------------------------------------------

    def apply(self, vectors: ArrayLike, inverse: bool = False) -> Any:
        """Vectors in the last axis, turned; with ``inverse`` turned back."""
        v = _with_last("apply", together(vectors, self._quat)[0], 3)
        m = self.as_matrix()
        m = np.swapaxes(m, -1, -2) if inverse else m
        return np.sum(m * np.expand_dims(v, -2), -1)

    def inv(self) -> Rotation:
        """The turn back."""
        return Rotation(self._quat * np.array([-1.0, -1.0, -1.0, 1.0], detached(self._quat).dtype))

    def __mul__(self, other: Rotation) -> Rotation:
        """The turn by ``other`` and then by this one."""
        if not isinstance(other, Rotation):
            return NotImplemented
        (a, p), (b, q) = ((r._quat[..., :3], r._quat[..., 3:]) for r in (self, other))
        v = p * b + q * a + np.cross(a, b)
        w = p * q - np.sum(a * b, -1, keepdims=True)
        return Rotation(np.concatenate([v, w], -1))

    def __len__(self) -> int:
        if self._quat.ndim == 1:
            raise TypeError("one rotation has no length")
        return len(self._quat)

    def __getitem__(self, index: Any) -> Rotation:
        return Rotation(self._quat[index])

    def __repr__(self) -> str:
        return f"Rotation.from_quat({detached(self._quat)!r})"


def _with_last(name: str, x: Any, size: int) -> Any:
    (x,) = together(x)
    if x.ndim < 1 or x.shape[-1] != size:
        raise ShapeError(f"Rotation.{name} takes {size} numbers in the last axis, got shape {x.shape}")
    return x


def _sign(w: Any) -> Any:
    """1, or -1 where w is negative: plain numbers."""
    plain = detached(w)
    return np.where(plain < 0, -1.0, 1.0).astype(plain.dtype)


def _with_largest(m: Any, trace: Any, k: int) -> Any:
    """Quaternions of any length, exact where element k is the largest."""
    if k == 3:
        parts = [m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1], 1 + trace]
        return np.stack(parts, -1)
    i, j, h = k, (k + 1) % 3, (k + 2) % 3
    components = {i: 1 - trace + 2 * m[..., i, i], j: m[..., j, i] + m[..., i, j], h: m[..., h, i] + m[..., i, h]}
    return np.stack([components[0], components[1], components[2], m[..., h, j] - m[..., j, h]], -1)
