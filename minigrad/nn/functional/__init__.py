"""Layers, activations and losses as functions of tensors: what the modules call."""

from importlib import import_module as _import
from typing import TYPE_CHECKING

from minigrad.core.table import builtin, derived_ops
from minigrad.nn.functional.attention import *
from minigrad.nn.functional.classification import *
from minigrad.nn.functional.convolutions import *
from minigrad.nn.functional.layers import *
from minigrad.nn.functional.losses import *
from minigrad.nn.functional.normalisation import *
from minigrad.nn.functional.pooling import *
from minigrad.nn.functional.windows import *
from minigrad.ops import activations, log_softmax, rectifiers, relu, sigmoid, softmax, tanh
from minigrad.ops.activations import *
from minigrad.ops.attention import masked_softmax
from minigrad.ops.examples import add_examples
from minigrad.ops.rectifiers import *
from minigrad.ops.recurrent import recurrent_scan
from minigrad.ops.segments import one_hot
from minigrad.support.idioms import missing_from

__all__ = ["log_softmax", "masked_softmax", "one_hot", "recurrent_scan", "relu", "sigmoid", "softmax", "tanh"]
__all__ += activations.__all__ + rectifiers.__all__
for _file in "attention classification convolutions layers losses normalisation pooling windows".split():
    __all__ += _import(f"minigrad.nn.functional.{_file}").__all__

builtin.update(derived_ops.keys() & set(__all__))
add_examples(__all__)

if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
