"""What a type checker must see of the layers and losses; ``mypy`` reads this file, nothing runs it.

An ignored error that is none is an error too (``warn_unused_ignores``), so each comment says what must be refused.
"""

from typing import assert_type

from minigrad import nn

gelu = nn.GELU("tanh")
assert_type(gelu, nn.GELU)
assert_type(gelu.approximate, str)
assert_type(nn.Hardtanh(-2.0, max_val=2.0).min_val, float)
assert_type(nn.ReLU(), nn.ReLU)

module: nn.Module = gelu
kinds: list[type[nn.Module]] = [nn.ReLU, nn.GELU]

nn.GELU(3)  # type: ignore[arg-type]
nn.GELU(approximation="tanh")  # type: ignore[call-arg]
nn.LeakyReLU(0.1, 0.2)  # type: ignore[call-arg]

loss = nn.CrossEntropyLoss("sum", 0.1, ignore_index=-1, axis=1)
assert_type(loss, nn.CrossEntropyLoss)
assert_type(loss.reduction, str)
assert_type(loss.ignore_index, int | None)
assert_type(nn.HuberLoss(delta=2.0).delta, float)

nn.CrossEntropyLoss("sum", 0.1, None, -1, 1)  # type: ignore[call-arg]
nn.HuberLoss(delta="2")  # type: ignore[arg-type]


class Steep(nn.LeakyReLU):
    """A subclass with an ``__init__`` of its own."""

    def __init__(self, times: int) -> None:
        super().__init__(negative_slope=0.1 * times)


assert_type(Steep(3).negative_slope, float)

pool = nn.MaxPool2d(3, stride=2)
assert_type(pool, nn.MaxPool2d)
assert_type(pool.kernel_size, tuple[int, ...])
nn.MaxPool2d()  # type: ignore[call-arg]
nn.Conv2d(1, "2", 3)  # type: ignore[arg-type]
