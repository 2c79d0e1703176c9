"""What stands in an array's place while a function is differentiated: a Tensor, under autograd's name."""

from minigrad.core.tensor import Tensor

ArrayBox = Tensor
