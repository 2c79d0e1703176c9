"""The parts of a network by the names under which an estimator's parameters give them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

from minigrad import nn, optim
from minigrad.errors import DTypeError, HyperparameterError

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    kind.__name__.lower(): kind
    for kind in (nn.ELU, nn.GELU, nn.LeakyReLU, nn.Mish, nn.ReLU, nn.SELU, nn.Sigmoid, nn.SiLU, nn.Softplus, nn.Tanh)
}

OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    name.lower(): getattr(optim, name)
    for name in "AdaGrad Adadelta Adam Adamax AdamW LBFGS Lion NAdam RAdam RMSProp SGD".split()
}


def perceptron(inputs: int, hidden: Iterable[int], outputs: int, activation: Any) -> nn.Module:
    """Linear layers of these sizes, with ``activation`` after each but the last. One size may be a plain int."""
    make = named(activation, ACTIVATIONS, "activation", "a function that makes a module, such as nn.ReLU")
    sizes = [inputs, *(hidden if isinstance(hidden, Iterable) else (hidden,)), outputs]
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), make()]
    return nn.Sequential(*layers[:-1])


def made_by(factory: Any, inputs: int, outputs: int) -> nn.Module:
    """The network of a user's ``factory``."""
    if isinstance(factory, nn.Module) or not callable(factory):
        raise DTypeError(
            "module is a function of (n_features, n_outputs) that makes a new network for each fit, got "
            f"{type(factory).__name__}: write def module(n_features, n_outputs): return nn.Sequential(...)"
        )
    network = factory(inputs, outputs)
    if not isinstance(network, nn.Module):
        raise DTypeError(f"module makes an nn.Module, and this one made a {type(network).__name__}")
    return network


def named(given: Any, table: dict[str, Callable[..., Any]], name: str, otherwise: str) -> Callable[..., Any]:
    """The value of a parameter: a row of the table, or a function as it is."""
    if isinstance(given, str) and given in table:
        return table[given]
    if isinstance(given, str) or not callable(given):
        raise HyperparameterError(f"{name}={given!r}: expected one of {', '.join(map(repr, table))}, or {otherwise}")
    function: Callable[..., Any] = given
    return function


def optimizer_for(network: nn.Module, optimizer: Any, lr: Any) -> optim.Optimizer:
    """The optimizer of the network's parameters."""
    hint = "a function of (parameters, lr=...), such as functools.partial(optim.AdamW, weight_decay=0.1)"
    make = named(optimizer, OPTIMIZERS, "optimizer", hint)
    own: optim.Optimizer = make(network.parameters(), lr=lr)
    return own
