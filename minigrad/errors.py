"""The exceptions of minigrad, and its warnings: each says what was got, what was expected, and what to write instead.

Every exception is also the built-in exception that a NumPy user would catch, so ``except ValueError``
works without an import from here.
"""

from __future__ import annotations

import re
from contextvars import ContextVar

__all__ = ["AmbiguousAxisWarning", "AnomalyError", "AxisError", "BatchError", "CompileError"]
__all__ += ["DTypeError", "DataError", "DetachWarning", "DivergenceError", "FileError"]
__all__ += ["GradientError", "GraphError", "HyperparameterError", "MinigradError"]
__all__ += ["ScalarError", "ShapeError", "StateError", "TargetError", "UnsupportedError"]


#: Where each ``CompileError`` is noted while a step is recorded, which may catch it and go on.
compile_errors: ContextVar[list[CompileError] | None] = ContextVar("compile_errors", default=None)


class MinigradError(Exception):
    """The base of all errors that this package raises on purpose.

    When an error passes through the layers of a model, each ``Module`` on the way adds its name, and
    the message ends with the path to the layer that failed. It begins with the function that was called, unless it
    speaks of it anyhow.

    >>> try:
    ...     mg.ones(2) + mg.ones(3)
    ... except mg.errors.MinigradError as error:
    ...     print(type(error).__name__, isinstance(error, ValueError))
    ShapeError True
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.layer: str | None = None  # what the innermost layer it came through is
        self.passed: object = None  # the outermost so far
        self.layer_path: tuple[str, ...] = ()  # the names that lead from there to the innermost
        self.function = ""  # the outermost function of the package that it came through

    def __str__(self) -> str:
        message = super().__str__()
        if self.function and not re.search(rf"\b{re.escape(self.function)}\b", message):
            message = f"{self.function}: {message}"
        if self.layer is None:
            return message
        path = ".".join(self.layer_path)
        return f"{message}\n  in layer {path + ': ' if path else ''}{self.layer}"


class ShapeError(MinigradError, ValueError):
    """Shapes that do not fit together.

    Cause: operands that do not broadcast or multiply, a loss whose prediction and target differ in
    shape, a reshape to another size. Cure: the message shows both shapes and the usual rewrite.

    >>> mg.ones((3, 2)) + mg.ones((3, 4))
    Traceback (most recent call last):
        ...
    minigrad.errors.ShapeError: ...
    """


class AxisError(ShapeError, IndexError):
    """An axis that an array does not have, or one given twice.

    Cause: ``x.sum(2)`` of a matrix. Cure: axes are counted from 0, and from -1 backwards.

    >>> mg.ones((2, 3)).sum(2)
    Traceback (most recent call last):
        ...
    minigrad.errors.AxisError: ...
    """


class ScalarError(ShapeError, TypeError):
    """A 0-d tensor where a sequence is asked for.

    Cause: ``len(t)``, ``for row in t`` or ``a, b = t`` of a single number. Cure: ``t.item()``, or ``t.reshape(1)``.

    >>> len(mg.tensor(2.0))
    Traceback (most recent call last):
        ...
    minigrad.errors.ScalarError: ...
    """


class DTypeError(MinigradError, TypeError):
    """A dtype that cannot do what was asked.

    Cause: an integer tensor that requires a gradient, labels of a float dtype, an array of objects.
    Cure: convert with ``astype`` as the message says.

    >>> mg.tensor([1, 2], dtype="int64", requires_grad=True)
    Traceback (most recent call last):
        ...
    minigrad.errors.DTypeError: ...
    """


class TargetError(MinigradError, ValueError):
    """Labels that no class answers to: out of range, negative, or of the wrong length.

    Cure: class labels are integers from 0 to classes - 1, one for each row of the prediction.

    >>> mg.softmax_cross_entropy(mg.ones((2, 3)), [1, 3])
    Traceback (most recent call last):
        ...
    minigrad.errors.TargetError: ...
    """


class GraphError(MinigradError, RuntimeError):
    """The graph of operations cannot give the gradient that was asked for.

    Cause: ``backward()`` on a tensor without a graph or with more than one element, a second
    ``backward()`` on a graph that the first one freed, data that changed after the forward pass, an
    item assignment. Cure: the message names the call to write instead.

    >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).backward()
    Traceback (most recent call last):
        ...
    minigrad.errors.GraphError: ...
    """


class AnomalyError(MinigradError, FloatingPointError):
    """Inside ``mg.detect_anomaly()``, an operation made the first value or gradient that is not finite.

    Cause: the logarithm or root of 0, a division by 0, an overflow of exp, data that holds NaN. Cure: the
    message names the operation, the element, the operands, the line, and the usual remedy.

    >>> x = mg.tensor([0.5, 0.0], requires_grad=True)
    >>> with mg.detect_anomaly():
    ...     loss = mg.sqrt(x).sum()
    ...     loss.backward()
    Traceback (most recent call last):
        ...
    minigrad.errors.AnomalyError: ...
    """


class GradientError(MinigradError, AssertionError):
    """A gradient check failed: ``minigrad.testing`` found a formula that does not match its function.

    Cure: the message names the argument, the element, what the formula gave and what it should give.

    >>> from minigrad.testing import check_gradients
    >>> wrong = mg.primitive(lambda x: x**3, lambda g, x: 2 * g * x**2, name="wrong_cube")
    >>> check_gradients(lambda x: wrong(x).sum(), [1.0, 2.0])
    Traceback (most recent call last):
        ...
    minigrad.errors.GradientError: ...
    """


class UnsupportedError(MinigradError, TypeError):
    """A NumPy function, or one of its options, that has no gradient formula here.

    Cure: write it with operations of the table, register a formula with ``minigrad.primitive``, or
    leave the graph on purpose with ``x.data``.

    >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> np.unique(x)
    Traceback (most recent call last):
        ...
    minigrad.errors.UnsupportedError: ...
    """


class CompileError(MinigradError, RuntimeError):
    """A function that ``mg.compile`` cannot turn into a program without risking a wrong answer.

    Cause: a Python branch on a value that is computed, ``float(loss)`` inside the step, data from outside that
    changes from call to call, a NumPy call that the recorder cannot see. Cure: the message names the line and what to
    write instead.

    >>> @mg.compile
    ... def step(x):
    ...     loss = (x * x).sum()
    ...     return loss * len(loss.data.tobytes())
    >>> step(mg.tensor([1.0, 2.0]))
    Traceback (most recent call last):
        ...
    minigrad.errors.CompileError: ...
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        if (noted := compile_errors.get()) is not None:
            noted.append(self)


class BatchError(MinigradError, RuntimeError):
    """A function of one member that ``vmap`` cannot run for all members of a batch at once.

    Cause: a Python branch on a value that differs from member to member, ``float(x)``, a mask of bools as an index, a
    write into something from outside. Cure: the message names what to write instead, mostly ``mg.where``.

    >>> mg.vmap(lambda x: x if x > 0 else -x)(mg.tensor([1.0, -2.0]))
    Traceback (most recent call last):
        ...
    minigrad.errors.BatchError: ...
    """

    #: The message with {} for the function, if it can be another's that called it.
    template: str | None = None

    def name(self, function: str) -> None:
        """Let the message name ``function``, which the user called, in place of one that it calls in turn."""
        if self.template is not None:
            self.args = (self.template.format(function),)


class HyperparameterError(MinigradError, ValueError):
    """A hyperparameter outside the range in which the algorithm is defined, or not a finite number.

    >>> optim.SGD(nn.Linear(2, 1).parameters(), lr=-0.1)
    Traceback (most recent call last):
        ...
    minigrad.errors.HyperparameterError: ...
    """


class StateError(MinigradError, ValueError):
    """A state dict that does not fit the model or optimizer it is loaded into.

    Cause: missing, unexpected or misshapen entries. Nothing is loaded when one of them is wrong.

    >>> state = nn.Linear(2, 3).state_dict()
    >>> nn.Linear(2, 4).load_state_dict({**state, "wieght": state["weight"]})
    Traceback (most recent call last):
        ...
    minigrad.errors.StateError: ...
    """


class FileError(MinigradError, OSError):
    """A file that cannot be saved or loaded.

    Cause: it is damaged, no file of ``mg.save``, missing, or the system refuses it (no permission, a full disk).
    Cure: the message says which. A previous file is still what it was.

    >>> mg.load("no-such-file.safetensors")
    Traceback (most recent call last):
        ...
    minigrad.errors.FileError: ...
    """


class DataError(MinigradError, ValueError):
    """Data that a dataset or loader cannot use.

    Cause: arrays of different lengths, nothing at all, samples that do not stack into a batch, an impossible batch
    size. Cure: the message shows the sizes and what to write instead.

    >>> mg.data.ArrayDataset(np.ones((100, 2)), np.ones(90))
    Traceback (most recent call last):
        ...
    minigrad.errors.DataError: ...
    """


class DivergenceError(MinigradError, FloatingPointError):
    """While ``Trainer.fit`` runs, the loss of a batch, or the norm of its gradients, is not a finite number.

    Cause: a learning rate that is too large, an operation outside its domain, data that holds NaN. No step was made, so
    the weights are the last good ones. Cure: the message names the step and what to try.

    >>> model = nn.Linear(1, 1, generator=np.random.default_rng(0))
    >>> trainer = train.Trainer(model, optim.SGD(model.parameters(), lr=1e6), nn.MSELoss())
    >>> X = np.linspace(-1, 1, 20, dtype="float32")[:, None]
    >>> with np.errstate(over="ignore"):
    ...     trainer.fit((X, 3 * X), epochs=100, progress="none")
    Traceback (most recent call last):
        ...
    minigrad.errors.DivergenceError: ...
    """


class AmbiguousAxisWarning(UserWarning):
    """A prediction and a target that fit in two ways: with the classes along the last axis, and along axis 1.

    Cause: logits (N, C, L) with labels (N, L) where C = L, or the like; the last axis is taken. Cure: ``axis=-1`` or
    ``axis=1`` says which is meant.

    >>> import warnings
    >>> logits, labels = mg.zeros((2, 3, 3)), np.zeros((2, 3), int)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error")  # as an error, to see it here
    ...     mg.nn.functional.cross_entropy(logits, labels)
    Traceback (most recent call last):
        ...
    minigrad.errors.AmbiguousAxisWarning: ...
    """


class DetachWarning(UserWarning):
    """A tensor that requires a gradient became a Python number, where its gradient ends.

    Cause: ``float(loss)``, ``math.exp(t)``, ``array[i] = t`` and all else that asks a tensor for a number. Cure:
    ``loss.item()`` says that it is meant; what belongs to the loss stays a tensor. Inside a function that is
    differentiated by name, as by ``mg.grad``, the same raises ``GraphError``.

    >>> import math
    >>> import warnings
    >>> x = mg.tensor(2.0, requires_grad=True)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error")  # as an error, to see it here
    ...     math.sqrt(x * 2)
    Traceback (most recent call last):
        ...
    minigrad.errors.DetachWarning: ...
    """
