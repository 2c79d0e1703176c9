"""What a type checker must see of the optimizers; see ``layers.py``."""

from typing import Any, assert_type

from minigrad import nn, optim

model = nn.Linear(2, 3)
adam = optim.AdamW(model.parameters(), 0.01, betas=(0.8, 0.99), weight_decay=0.1, skip_nonfinite=True)
assert_type(adam, optim.AdamW)
assert_type(adam.betas, tuple[float, float])
assert_type(adam.skip_nonfinite, bool)

optimizer: optim.Optimizer = adam
optim.SGD(model.parameters(), optim.schedules.cosine(0.1, 1000), momentum=0.9)
optim.LBFGS(model.parameters(), max_eval=None, line_search_fn="strong_wolfe")

optim.Adam()  # type: ignore[call-arg]
optim.Adam(model.parameters(), betas=0.9)  # type: ignore[arg-type]
optim.Adam(model.parameters(), weight_decay=0.1)  # type: ignore[call-arg]
optim.SGD(model.parameters(), 0.1, 0.9, 0.0, False, 0.0, True)  # type: ignore[call-arg]
optim.LBFGS(model.parameters(), skip_nonfinite=True)  # type: ignore[call-arg]
print(adam.params)  # type: ignore[attr-defined]


class Own(optim.Optimizer):
    """An optimizer with an ``__init__`` of its own."""

    def __init__(self, params: Any, lr: float = 0.1, scale: float = 1.0) -> None:
        super().__init__(params, lr=lr, scale=scale)


class Halving(optim.SGD):
    """One that derives from another."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, lr=0.5, momentum=0.5)


assert_type(Halving(model.parameters()).momentum, float)
