"""Derivatives through solvers: of the solution of an equation, not of the steps that lead to it.

Where x solves f(x, *args) = 0, a change of the arguments moves x by dx with f_x dx + f_args dargs = 0. So the gradient
g of x goes back to the arguments as -λ f_args, where λ f_x = g: one system of linear equations, however the solver came
to x. A complex x is a pair of real numbers, and an equation of complex numbers two real ones: nothing has to be
holomorphic. After Krantz and Parks, The Implicit Function Theorem, 2002, and Blondel et al., Efficient and Modular
Implicit Differentiation, 2022, https://arxiv.org/abs/2105.15183.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.checks import check_function
from minigrad.core.context import is_recording
from minigrad.core.conversion import as_array
from minigrad.core.tensor import Tensor, wrap
from minigrad.errors import DTypeError, GraphError, ShapeError
from minigrad.transforms.functions import grad, vjp
from minigrad.transforms.jacobians import jacobian
from minigrad.transforms.ruled_call import (
    RuledCall,
    floating_tensors,
    has_tensors,
    nothing,
    on_arrays,
    refuse_modules,
    with_tensors,
)

__all__ = ["argmin", "fixed_point", "root"]

Function = Callable[..., Any]

#: ``linear(product, b)``: the v with product(v) = b, for arrays.
Linear = Callable[[Callable[[np.ndarray], np.ndarray], np.ndarray], Any]


def root(solver: Function, f: Function, linear: Linear | None = None) -> Function:
    """The function of ``args`` that gives the x with f(x, *args) = 0, as ``solver(*args)`` finds it.

    ``solver`` is called with arrays and gives an array (or number); it may be anything, ``scipy.optimize.root`` or a
    loop of NumPy, and nothing in it is recorded. ``f(x, *args)`` has the shape of x, and is complex where x is. The
    arguments may be nested structures. Gradients of every order follow, and so does ``mg.jvp``.

    Without ``linear``, the matrix f_x is built and factored. ``linear(product, b)`` solves product(v) = b for v, a
    real vector of as many elements as x (of a complex x twice as many: real and imaginary parts), where ``product`` is
    a function of such vectors. With SciPy:
    ``lambda product, b: gmres(LinearOperator((b.size, b.size), matvec=product), b)[0]``.

    >>> def newton(a):  # the square root, in plain numbers
    ...     x = a
    ...     for _ in range(20):
    ...         x = (x + a / x) / 2
    ...     return x
    >>> sqrt = mg.implicit.root(newton, lambda x, a: x * x - a)
    >>> sqrt(4.0), mg.grad(sqrt)(4.0), mg.grad(mg.grad(sqrt))(4.0)
    (2.0, np.float64(0.25), np.float64(-0.03125))

    Raises ``GraphError`` where ``f`` uses a tensor that requires a gradient and is no argument, and
    ``LinAlgError`` where f_x is singular: then x does not move smoothly with the arguments.
    """
    check_function("implicit.root", solver, f)
    name = f"the root of {getattr(f, '__name__', 'a function')}"

    def run(*args: Any) -> tuple[Any, Any]:
        x = _as_floating(on_arrays(solver, args))
        _check(name, f(wrap(x), *args), x)  # a closed-over tensor shows in the graph
        return x, ()

    def pull(args: tuple[Any, ...], x: Any, _: Any, g: Any) -> Any:
        # The multiplier is a root too, so that a gradient of this gradient needs nothing else.
        multiplier = root(functools.partial(_multiplier, linear, f), functools.partial(_balance, f), linear)(
            g, x, *args
        )
        back = vjp(lambda *tensors: f(x, *with_tensors(args, tensors)), *floating_tensors(args))[1]
        return with_tensors(args, back(-multiplier), nothing)

    @functools.wraps(solver)
    def solution(*args: Any) -> Any:
        refuse_modules(name, args)
        if has_tensors(args):
            return RuledCall(name, run, pull, args).result()
        x = solver(*args)
        if is_recording():
            start = _as_floating(x)
            _check(name, f(start, *args), start)
        return x

    return solution


def argmin(solver: Function, f: Function, linear: Linear | None = None) -> Function:
    """The function of ``args`` that gives the x at which f(x, *args) is least, as ``solver(*args)`` finds it.

    The ``root`` of the gradient of ``f``, a function with a scalar result; the system of linear equations has its
    Hessian.

    >>> def ridge(penalty):  # by hand: any minimizer that gives an array
    ...     return np.linalg.solve(A.T @ A + penalty * np.eye(2), A.T @ b)
    >>> A, b = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]), np.array([1.0, 2.0, 4.0])
    >>> fit = mg.implicit.argmin(ridge, lambda w, penalty: ((A @ w - b) ** 2).sum() + penalty * (w**2).sum())
    >>> mg.jacobian(fit)(1.0).round(4)
    array([-0.0667, -0.1778])
    """
    return root(solver, grad(f), linear)


def fixed_point(solver: Function, f: Function, linear: Linear | None = None) -> Function:
    """The function of ``args`` that gives the x with x = f(x, *args), as ``solver(*args)`` finds it.

    >>> def iterate(a):
    ...     x = 1.0
    ...     for _ in range(200):
    ...         x = np.cos(a * x)
    ...     return x
    >>> mg.grad(mg.implicit.fixed_point(iterate, lambda x, a: np.cos(a * x)))(1.0)
    np.float64(-0.29...)
    """
    check_function("implicit.fixed_point", solver, f)

    @functools.wraps(f)
    def difference(x: Any, *args: Any) -> Any:
        return f(x, *args) - x

    return root(solver, difference, linear)


def _multiplier(linear: Linear | None, f: Function, g: Any, x: Any, *args: Any) -> Any:
    """The solution of λ f_x = g, for arrays.

    A complex product Re(λ dz) is the dot product of (Re λ, -Im λ) and (Re dz, Im dz): so both sides are conjugated.
    """
    b = _reals(np.conjugate(g))
    if linear is None:
        matrix = jacobian(lambda v: _reals(f(_as(v, x), *args)))(_reals(x))
        return np.conjugate(_as(np.linalg.solve(matrix.T, b), x))
    back = vjp(lambda x: f(x, *args), x)[1]

    def product(v: Any) -> Any:
        return _reals(np.conjugate(back(np.conjugate(_as(v, x)))[0]))

    return np.conjugate(_as(linear(product, b), x))


def _reals(x: Any) -> Any:
    """A vector of the elements, of complex ones first all real parts and then all imaginary ones."""
    x = np.reshape(x, -1)
    return np.concatenate([np.real(x), np.imag(x)]) if x.dtype.kind == "c" else x


def _as(v: Any, x: Any) -> Any:
    """Such a vector in the shape of ``x``."""
    if x.dtype.kind != "c":
        return np.reshape(v, x.shape)
    return np.reshape(v[: x.size] + 1j * v[x.size :], x.shape)


def _balance(f: Function, multiplier: Any, g: Any, x: Any, *args: Any) -> Any:
    """λ f_x - g, which is 0 at the multiplier."""
    return vjp(lambda x: f(x, *args), x)[1](multiplier)[0] - g


def _as_floating(solution: Any) -> Any:
    x = as_array(solution._array if isinstance(solution, Tensor) else solution)
    if x.dtype.kind not in "fiuc":
        raise DTypeError(f"a solver gives an array of numbers, got {type(solution).__name__} of dtype {x.dtype}")
    return x if x.dtype.kind in "fc" else x.astype(np.float64)


def _check(name: str, residual: Any, x: Any) -> None:
    """Raise for an equation that uses more than its arguments, or is not one for each element of x."""
    if isinstance(residual, Tensor) and residual._node is not None:
        raise GraphError(
            f"{name}: the function uses a tensor that requires a gradient and is none of its arguments, and its "
            "gradient would be lost: pass it as an argument, write .detach() to leave it out on purpose, or call this "
            "in mg.no_grad()"
        )
    shape = np.shape(residual)
    if shape != x.shape:
        raise ShapeError(
            f"{name}: one equation for each element of x, got shape {shape} for x of shape {x.shape}: the first "
            "argument of the function is what the solver gives"
        )
    if np.iscomplexobj(residual) != np.iscomplexobj(x):
        pair = ("real", "complex", "give x + 0j") if np.iscomplexobj(residual) else ("complex", "real", "give x.real")
        raise DTypeError(
            f"{name}: one equation for each unknown, the solver gives {pair[0]} numbers and the function {pair[1]} "
            f"ones: {pair[2]} from the solver, or take the equation apart into real ones"
        )
