"""What the namespace says of itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.array_api.dtypes import check_device

_NAMES = """
    bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128
""".split()


class __array_namespace_info__:  # noqa: N801 - the standard's name
    """Dtypes, devices and capabilities, as the standard asks for them."""

    def capabilities(self) -> dict[str, Any]:
        """Behaviour that the standard leaves open."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """Where new tensors are."""
        return "cpu"

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """The dtypes of numbers."""
        check_device(device)
        kinds = {"real floating": "float64", "complex floating": "complex128", "integral": "int64", "indexing": "int64"}
        return {kind: np.dtype(name) for kind, name in kinds.items()}

    def dtypes(self, *, device: Any = None, kind: str | tuple[str, ...] | None = None) -> dict[str, Any]:
        """The dtypes, all or those of a kind."""
        check_device(device)
        known = {name: np.dtype(name) for name in _NAMES}
        return {name: dtype for name, dtype in known.items() if kind is None or np.isdtype(dtype, kind)}

    def devices(self) -> list[str]:
        """All devices."""
        return ["cpu"]
