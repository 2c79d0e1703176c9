"""The transformer and LeNet-5 as JAX's users write them: functions of a dict of weights, under ``jax.jit``."""

from __future__ import annotations

from typing import Any

import numpy as np

from .networks import EPS
from .timing import Step


def step(model: Any, weights: dict[str, np.ndarray], inputs: Any, labels: np.ndarray, lr: float) -> Step:
    """Forward, backward and optax's Adam as one compiled program; ``model(weights, *inputs)`` gives logits."""
    import jax
    import jax.numpy as jnp
    import optax

    optimizer = optax.adam(lr, eps=EPS)

    def loss_of(params: Any, y: Any, *xs: Any) -> Any:
        return optax.softmax_cross_entropy_with_integer_labels(model(params, *xs), y).mean()

    @jax.jit
    def update(params: Any, state: Any, y: Any, *xs: Any) -> Any:
        loss, grads = jax.value_and_grad(loss_of)(params, y, *xs)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state, loss

    params = {name: jnp.array(array) for name, array in weights.items()}
    state, y, xs = optimizer.init(params), jnp.array(labels), [jnp.array(x) for x in inputs]

    def run() -> Any:
        nonlocal params, state
        params, state, loss = update(params, state, y, *xs)
        return loss.block_until_ready()

    return run


def _linear(w: Any, name: str, x: Any) -> Any:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def _norm(w: Any, name: str, x: Any) -> Any:
    import jax.numpy as jnp

    centred = x - x.mean(-1, keepdims=True)
    rms = jnp.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-5)
    return centred / rms * w[f"{name}.weight"] + w[f"{name}.bias"]


def transformer(w: Any, tokens: Any, positions: Any, mask: Any, heads: int = 4) -> Any:
    """The logits of ``layered.transformer``, by its weights."""
    import jax
    import jax.numpy as jnp

    x = w["tokens.weight"][tokens] + w["positions.weight"][positions]
    batch, steps, width = x.shape
    layer = 0
    while f"layers.{layer}.linear1.weight" in w:
        name = f"layers.{layer}"
        y = _norm(w, f"{name}.norm1", x)
        projected = y @ w[f"{name}.self_attn.in_proj_weight"].T + w[f"{name}.self_attn.in_proj_bias"]
        q, k, v = projected.reshape(batch, steps, 3, heads, width // heads).transpose(2, 0, 3, 1, 4)
        scores = jnp.where(mask, -jnp.inf, q @ k.swapaxes(-1, -2) / (width // heads) ** 0.5)
        attended = (jax.nn.softmax(scores) @ v).swapaxes(1, 2).reshape(batch, steps, width)
        x = x + _linear(w, f"{name}.self_attn.out_proj", attended)
        y = jax.nn.gelu(_linear(w, f"{name}.linear1", _norm(w, f"{name}.norm2", x)), approximate=False)
        x = x + _linear(w, f"{name}.linear2", y)
        layer += 1
    return _linear(w, "head", _norm(w, "norm", x)).reshape(batch * steps, -1)


def lenet(w: Any, images: Any) -> Any:
    """The logits of ``layered.lenet``, by its weights."""
    import jax
    from jax import lax

    def convolved(x: Any, name: str, padding: int) -> Any:
        z = lax.conv(x, w[f"{name}.weight"], (1, 1), "SAME" if padding else "VALID")
        z = jax.nn.relu(z + w[f"{name}.bias"][:, None, None])
        return lax.reduce_window(z, -np.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    x = convolved(convolved(images, "0", 2), "3", 0).reshape(images.shape[0], -1)
    for name in ("7", "9"):
        x = jax.nn.relu(_linear(w, name, x))
    return _linear(w, "11", x)
