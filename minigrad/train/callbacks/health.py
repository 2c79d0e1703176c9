"""``GradientHealth``: which layers learn, and which cannot."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.core.checks import not_negative
from minigrad.nn import Embedding, Module
from minigrad.nn.flops import own_parameters
from minigrad.support.idioms import told
from minigrad.support.user_warnings import warn
from minigrad.train.callbacks.callback import Callback

if TYPE_CHECKING:
    from minigrad.train.run_state import RunState


class GradientHealth(Callback):
    """Warns, with the layer's name, of gradients that explode or vanish and of units that are dead.

    - exploding: in some step, the norm of the gradients of a layer's parameters is above ``exploding``;
    - vanishing: in all steps of an epoch, this norm is below ``vanishing``;
    - dead: in all steps of an epoch, the gradient of a unit (its row of the weight, and its bias) is 0, as for a unit
      whose relu is 0 on all data. The warning comes if the share of such units in a layer is above ``dead``.

    Each warning comes once per layer. Records get ``gradient_norm``, the mean over the epoch's steps of the norm of all
    gradients, and ``dead_units``. ``report`` holds the numbers of the last epoch by the name of the layer. The
    gradients are those before clipping.

    Raises ``HyperparameterError`` for limits below 0.

    >>> model = nn.Linear(2, 1)
    >>> trainer = train.Trainer(model, optim.SGD(model.parameters(), lr=0.1), nn.MSELoss())
    >>> data = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    >>> callback = train.GradientHealth()
    >>> history = trainer.fit(data, epochs=2, callbacks=[callback], progress="none")
    >>> "gradient_norm" in history.records[-1]
    True
    """

    @told
    def __init__(self, exploding: float = 1e3, vanishing: float = 1e-7, dead: float = 0.1) -> None:
        for name, value in (("exploding", exploding), ("vanishing", vanishing), ("dead", dead)):
            not_negative("GradientHealth", name, value)
        self.exploding, self.vanishing, self.dead = exploding, vanishing, dead
        self.report: dict[str, dict[str, Any]] = {}
        self._said: set[str] = set()
        self._layers: list[tuple[str, Module, list[Any]]] = []
        self._begin()

    def _begin(self) -> None:
        """Forget the steps of the epoch."""
        self._largest: dict[str, float] = {}  # norm of each layer's gradients in the epoch
        self._alive: dict[str, np.ndarray] = {}  # of each layer's units, whether a gradient has reached them
        self._norms, self._steps = 0.0, 0

    def on_fit_start(self, trainer: RunState) -> None:
        """Find the layers."""
        self._layers = [(n, m, own_parameters(m)) for n, m in trainer.model.named_modules() if own_parameters(m)]

    def on_epoch_start(self, trainer: RunState) -> None:
        """Begin to count."""
        self._begin()

    def on_gradients(self, trainer: RunState) -> None:
        """Measure each gradient."""
        total = 0.0
        for name, layer, parameters in self._layers:
            gradients = [p.grad for p in parameters if p.grad is not None]
            if not gradients:  # frozen
                continue
            squares = sum(float(np.sum(np.square(g, dtype=np.float64))) for g in gradients)
            total += squares
            norm = math.sqrt(squares)
            self._largest[name] = max(self._largest.get(name, 0.0), norm)
            if not norm <= self.exploding:  # NaN too
                self._say(
                    "exploding",
                    name,
                    layer,
                    f"the gradient has the norm {norm:.3g} in step {trainer.step + 1}: a smaller learning rate, "
                    "clip_norm=1.0, or initial weights of another scale may help",
                )
            alive = reached(layer)
            if alive is not None:
                self._alive[name] = alive | self._alive.get(name, False)
        self._norms += math.sqrt(total)
        self._steps += 1

    def on_epoch_end(self, trainer: RunState, record: dict[str, Any]) -> None:
        """Judge the epoch."""
        if not self._steps:
            return
        dead = {name: int(np.count_nonzero(~alive)) for name, alive in self._alive.items()}
        record["gradient_norm"] = self._norms / self._steps
        record["dead_units"] = sum(dead.values())
        self.report = {name: {"norm": norm} for name, norm in self._largest.items()}
        layers = {name: layer for name, layer, _ in self._layers}
        for name, count in dead.items():
            self.report[name].update({"dead": count, "units": len(self._alive[name])})
        for name, norm in self._largest.items():
            if norm < self.vanishing:
                self._say(
                    "vanishing",
                    name,
                    layers[name],
                    f"the gradient's norm is {norm:.3g} at most in epoch {record['epoch']}: it hardly learns. Other "
                    "initial weights, a normalisation, residual connections or another activation may help",
                )
        for name, count in dead.items():
            units = len(self._alive[name])
            if count > self.dead * units:
                self._say(
                    "dead",
                    name,
                    layers[name],
                    f"{count} of {units} units had no gradient in epoch {record['epoch']}: they are 0 for all data and "
                    "learn no more. A smaller learning rate, or nn.LeakyReLU, may help",
                )

    def _say(self, kind: str, name: str, layer: Module, text: str) -> None:
        key = f"{kind} {name}"
        if key not in self._said:
            self._said.add(key)
            warn(f"{name or 'the model'} ({type(layer).__name__}): {text}")

    def state_dict(self) -> dict[str, Any]:
        """The figures of the epoch under way, and the warnings so far."""
        return {
            "largest": dict(self._largest),
            "alive": {name: alive.copy() for name, alive in self._alive.items()},
            "norms": self._norms,
            "steps": self._steps,
            "said": sorted(self._said),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._largest, self._alive = dict(state["largest"]), dict(state["alive"])
        self._norms, self._steps, self._said = state["norms"], state["steps"], set(state["said"])


def reached(layer: Any) -> np.ndarray | None:
    """For each unit of a layer, a row of its weight, whether a gradient reaches it; None for a layer without units.

    The rows of an Embedding are no units: a step uses a few of them.
    """
    weight = vars(layer).get("weight")
    g = getattr(weight, "grad", None)
    if g is None or g.ndim < 2 or isinstance(layer, Embedding):
        return None
    unit_axis = 1 if type(layer).__name__.startswith("ConvTranspose") else 0  # (in, out, ...)
    alive: np.ndarray = np.any(g != 0, axis=tuple(axis for axis in range(g.ndim) if axis != unit_axis))
    bias = vars(layer).get("bias")
    if bias is not None and bias.grad is not None and bias.shape == alive.shape:
        alive = alive | (bias.grad != 0)
    return alive
