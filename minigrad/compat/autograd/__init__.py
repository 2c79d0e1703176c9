"""The names of HIPS autograd over this package's derivatives: its users change one import line.

Arrays and numbers go in, arrays and NumPy's scalars come out. Inside a function that is differentiated, Tensors stand
in their places.

>>> import minigrad.compat.autograd.numpy as np
>>> from minigrad.compat.autograd import grad
>>> grad(lambda x: np.sum(np.sin(x) ** 2))(np.array([0.0, 1.0]))
array([0.        , 0.90929743])
"""

from minigrad.compat.autograd.builtins import dict, isinstance, list, tuple, type
from minigrad.compat.autograd.differential_operators import (
    checkpoint,
    deriv,
    egrad,
    elementwise_grad,
    grad,
    grad_and_aux,
    grad_named,
    hessian,
    hessian_tensor_product,
    hessian_vector_product,
    holomorphic_grad,
    jacobian,
    make_ggnvp,
    make_hvp,
    make_jvp,
    make_jvp_reversemode,
    make_vjp,
    multigrad_dict,
    tensor_jacobian_product,
    value_and_grad,
    vector_jacobian_product,
)
from minigrad.compat.autograd.extend import defjvp, defvjp, primitive

__all__ = [
    "checkpoint", "defjvp", "defvjp", "deriv", "dict", "egrad", "elementwise_grad", "grad", "grad_and_aux",
    "grad_named", "hessian", "hessian_tensor_product", "hessian_vector_product", "holomorphic_grad", "isinstance",
    "jacobian", "list", "make_ggnvp", "make_hvp", "make_jvp", "make_jvp_reversemode", "make_vjp", "multigrad_dict",
    "primitive", "tensor_jacobian_product", "tuple", "type", "value_and_grad", "vector_jacobian_product",
]
