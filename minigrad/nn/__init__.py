"""Neural networks: modules, layers, losses, initial weights."""

from importlib import import_module as _import
from typing import TYPE_CHECKING

from minigrad.nn import functional, init
from minigrad.nn.activations import *
from minigrad.nn.attention import *
from minigrad.nn.batchnorm import *
from minigrad.nn.capturing import *
from minigrad.nn.cells import *
from minigrad.nn.containers import *
from minigrad.nn.convolution import *
from minigrad.nn.dropout import *
from minigrad.nn.embedding import *
from minigrad.nn.linear import *
from minigrad.nn.losses import *
from minigrad.nn.module import *
from minigrad.nn.normalisation import *
from minigrad.nn.parameter import *
from minigrad.nn.pooling import *
from minigrad.nn.recurrent import *
from minigrad.nn.shaping import *
from minigrad.nn.stateless import *
from minigrad.nn.transformer import *
from minigrad.support.idioms import missing_from

__all__ = ["functional", "init"]
for _file in """
    activations attention batchnorm capturing cells containers convolution dropout embedding linear losses
    module normalisation parameter pooling recurrent shaping stateless transformer
""".split():
    __all__ += _import(f"minigrad.nn.{_file}").__all__

if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
