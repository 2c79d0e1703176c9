"""How tensors are handed to other libraries: the array API standard, and DLPack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from minigrad.core.table import from_above
from minigrad.errors import UnsupportedError

if TYPE_CHECKING:
    from minigrad.core.tensor import Tensor


class Interchange:
    """The methods by which other libraries read an array that they know only by the standard."""

    __slots__ = ()

    @property
    def device(self) -> str:
        """Where the data is: "cpu"."""
        return "cpu"

    def to_device(self, device: str, /, *, stream: None = None) -> Tensor:
        """The tensor itself: all data is in the memory of the CPU. Raises ``UnsupportedError`` for other devices."""
        if device != "cpu" or stream is not None:
            raise UnsupportedError(f"tensors are in the memory of the CPU, device 'cpu'; got {device!r}")
        return cast("Tensor", self)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        """The functions of the standard over tensors: ``minigrad.array_api``."""
        if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12"):
            raise UnsupportedError(f"the array API is there in its versions up to 2024.12, not in {api_version!r}")
        return from_above("array_api")

    # ``np.from_dlpack(x)`` and ``torch.tensor(x)`` ask by this protocol. A tensor that requires a gradient refuses.

    def __dlpack__(
        self,
        *,
        stream: None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        asked: dict[str, Any] = {"stream": stream, "max_version": max_version, "dl_device": dl_device, "copy": copy}
        array = cast("Tensor", self).__array__()
        return array.__dlpack__(**{name: value for name, value in asked.items() if value is not None})

    def __dlpack_device__(self) -> tuple[Any, Any]:
        return np.empty(0).__dlpack_device__()
