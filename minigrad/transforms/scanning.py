"""``scan``: a loop that hands a state from step to step, as one call with one node in the graph.

The backward pass is a scan of its own, from the last step to the first: each step runs ``f`` again on the state that
was saved, and pulls the gradient back through it. So a scan keeps its states and nothing else, and what is recorded of
its gradient is a scan again, at every order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigrad.core.batches import active, inside, within
from minigrad.core.checks import check_function, whole
from minigrad.core.context import enable_grad, is_recording, mode, no_grad, recorder
from minigrad.core.graph import next_order
from minigrad.core.memory import own, share
from minigrad.core.stands import NumberStand, Stand
from minigrad.core.tensor import Tensor, around, wrap
from minigrad.core.trees import aligned, leaves, mapped, mapped_by_path, rebuilt
from minigrad.errors import DTypeError, GraphError, ShapeError
from minigrad.ops.shaping import stack
from minigrad.transforms.over_members import loop_over_members
from minigrad.transforms.packing import parts
from minigrad.transforms.run_again import RunAgain, bits_of, ends_of, is_floating, outputs_like
from minigrad.transforms.traced_call import plain_array

__all__ = ["scan"]


def scan(
    f: Callable[[Any, Any], Any], init: Any, xs: Any = None, *, length: int | None = None, reverse: bool = False
) -> Any:
    """The last state and all results of a loop: ``state, y = f(state, x)`` for each x along the first axis of ``xs``.

    In plain Python::

        state, ys = init, []
        for x in xs:
            state, y = f(state, x)
            ys.append(y)
        return state, np.stack(ys)

    ``init``, ``xs`` and y may be nested structures of Tensors, arrays and numbers, or None. The state keeps its
    structure, shapes and dtypes. Without ``xs``, ``length`` says how many steps there are; with ``reverse`` the last x
    comes first, and ys lie as xs do. ``f`` gets Tensors. Of arrays alone, the results are arrays.

    Gradients of every order lead to ``init``, ``xs`` and the tensors that ``f`` closes over. For them ``f`` is run
    again, step by step, so that only the states are kept. Inside ``mg.compile`` a scan is one call, however many steps
    it has: ``f`` is recorded once. So ``f`` depends on its arguments, and does nothing but give a result.

    >>> mg.scan(lambda total, x: (total + x, total * x), 0.0, np.array([1.0, 2.0, 3.0]))
    (np.float64(6.0), array([0., 2., 9.]))
    >>> mg.grad(lambda rate: mg.scan(lambda y, _: (y - 0.1 * rate * y, None), 1.0, length=10)[0])(0.5)
    np.float64(-0.63024...)

    Raises ``ShapeError`` and ``DTypeError`` for a state that changes, and for xs of different lengths, ``GraphError``
    for random numbers and other effects in ``f``. Without a step ``f`` runs once on zeros, for the shapes of ys.
    """
    check_function("mg.scan", f)
    is_plain = not any(isinstance(x, Tensor) for _, x in leaves((init, xs)))
    company = company_of((init, xs))
    state, rows = entered(init, "init", company), entered(xs, "xs", company)
    result = Loop("mg.scan", f, state, rows, steps_of(rows, length), reverse).result()
    return mapped(plain_array, result) if is_plain else result


def company_of(tree: Any) -> np.dtype:
    """The dtype that Python's floating numbers take among the leaves of a structure."""
    dtypes = [x.dtype for _, x in leaves(tree) if getattr(getattr(x, "dtype", None), "kind", "") == "f"]
    return np.result_type(*dtypes) if dtypes else np.dtype(np.float64)


def entered(tree: Any, name: str, company: np.dtype | None = None) -> Any:
    """Arguments with Tensors for their leaves. Raises ``DTypeError`` for a leaf that is not a number."""
    company = company or company_of(tree)
    return mapped_by_path(lambda path, x: as_tensor(x, path, company), tree, name)


def as_tensor(x: Any, path: str, company: np.dtype) -> Tensor:
    """A leaf as a Tensor; Python's floating numbers have the dtype of their company."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, (np.ndarray, np.generic, Stand)) and getattr(x, "dtype", np.dtype(object)).kind in "fiubc":
        return around(share(x))
    number: Any = x.arrayed() if isinstance(x, NumberStand) else None
    if number is not None and number is not x:
        return wrap(number.astype(company) if number.dtype.kind == "f" else number)
    if isinstance(x, (bool, int, float, complex)):
        return wrap(np.asarray(x, company if type(x) is float else None)[()])
    raise DTypeError(
        f"{path} is of type {type(x).__name__}, and a loop hands on Tensors, arrays and numbers, and structures of "
        "these: let the function close over what else it needs"
    )


def steps_of(rows: Any, length: int | None) -> int:
    """How many steps there are. Raises ``ShapeError`` for lengths that differ, or none."""
    sizes = {}
    for path, x in leaves(rows, "xs"):
        if not x.ndim:
            raise ShapeError(f"mg.scan: {path} is a number, and each x is a part of it along its first axis")
        sizes[path] = x.shape[0]
    if length is not None:
        sizes["length"] = whole("mg.scan", "length", length, 0)
    if not sizes:
        raise ShapeError("mg.scan: nothing says how many steps there are: pass xs, or length=")
    if len(set(sizes.values())) > 1:
        shown_sizes = ", ".join(f"{path} has {size}" for path, size in sizes.items())
        raise ShapeError(
            f"mg.scan: xs must have as many entries along their first axes, one for each step: {shown_sizes}"
        )
    return int(next(iter(sizes.values())))


class Loop(RunAgain):
    """One call: a function of a state and an x, run for each step."""

    def __init__(
        self,
        name: str,
        f: Callable[[Any, Any], Any],
        state: Any,
        rows: Any,
        steps: int | None,
        reverse: bool = False,
        goes_on: Callable[[Any], bool] | None = None,
    ) -> None:
        super().__init__(name)
        self.f, self.state, self.rows, self.steps, self.reverse = f, state, rows, steps, reverse
        self._goes_on = goes_on  # of a loop without xs: whether there is another step
        self._saved: list[list[Any]] = [[] for _ in leaves(state)]  # all states, before each step
        self._before: list[Any] = []  # the same, of a program: one array for each leaf, in the order of xs
        self._outputs: list[Tensor] = []
        self._closures = 0

    # -- forward ------------------------------------------------------------------------------

    def result(self) -> Any:
        """(last state, all ys), behind one node."""
        arguments = [x for _, x in leaves((self.state, self.rows))]
        state, ys, ends = self._run()
        outputs = [z for _, z in leaves((state, ys)) if is_floating(z)]
        parents = [x._node for x in arguments if is_floating(x) and x._node is not None]
        if not is_recording() or not outputs or not (parents or ends) or not self.steps:
            return (self.state if not self.steps else state), ys
        self.start_from([*parents, *ends])
        self._closures = len(ends)
        self._outputs = outputs_like(outputs)
        nodes = iter(self.nodes(outputs))
        self.state, self.rows = (mapped(self._kept, x) for x in (self.state, self.rows))
        return mapped(lambda z: wrap(z._array, next(nodes)) if is_floating(z) else z, (state, ys))

    def _kept(self, x: Tensor) -> Tensor:
        return wrap(x._array if recorder() is not None else own(x._array, False), x._node)

    def _run(self) -> tuple[Any, Any, list[Any]]:
        """The last state, all ys, and where the graph of a step ends: what ``f`` closes over."""
        if self.steps == 0:
            return (*self._shapes(), [])
        if recorder() is not None and self.steps is not None:
            return self._recorded(self.steps)
        outputs: list[Any] = []
        ends: dict[Any, None] = {}  # of all steps: one may use what the first does not
        state, t, keeps = mapped(detached, self.state), 0, is_recording()
        while (t != self.steps) if self._goes_on is None else self._goes_on(state):
            if keeps:
                for saved, (_, x) in zip(self._saved, leaves(state), strict=True):
                    saved.append(x._array if t or recorder() is not None else own(x._array, False))
            place = self.steps - 1 - t if self.reverse and self.steps is not None else t
            x = rebuilt(self.rows, iter([wrap(rows._array[place]) for _, rows in leaves(self.rows)]))
            with _step(self.name, t):
                start = next_order()
                new, y = self.called(state, x)
                ends |= dict.fromkeys(ends_of((new, y), start))
            state = mapped(detached, new)
            if outputs and [z.shape for _, z in leaves(y)] != [z.shape for _, z in leaves(outputs[0])]:
                raise ShapeError(f"{self.name}: y of step {t} has another structure or other shapes than the first")
            outputs.append(mapped(detached, y))
            t += 1
        self.steps = t
        if not t:
            return state, None, []
        if keeps and recorder() is None:
            self.last = bits_of((state, outputs[-1]))
        order = outputs[::-1] if self.reverse else outputs
        with no_grad():
            each = [stack(list(column)) for column in zip(*[[z for _, z in leaves(y)] for y in order], strict=True)]
        return state, rebuilt(outputs[0], iter(each)), list(ends)

    def _recorded(self, steps: int) -> tuple[Any, Any, list[Any]]:
        """The same as one call of a program that is recorded, in which ``f`` is a program of its own."""
        ends: list[Any] = []
        result: list[Any] = []

        def body(arrays: list[Any]) -> list[Any]:
            each = iter(map(wrap, arrays))
            state, x = rebuilt(self.state, each), rebuilt(self.rows, each)
            with _step(self.name, 0):
                start = next_order()
                new, y = self.called(state, x)
            ends[:] = ends_of((new, y), start)
            result[:] = [y]
            before = arrays[: len(self._saved)] if is_recording() else []
            return [*[z._array for _, z in leaves((new, y))], *before]

        def repeat(body: Any, state: list[Any], rows: list[Any]) -> list[Any]:
            results: list[Any] = mode().repeat(self.name, body, state, rows, steps, self.reverse)
            return results

        for batch in self.batches:
            repeat = loop_over_members(batch, repeat)
        arrays_of = [[x._array for _, x in leaves(tree)] for tree in (self.state, self.rows)]
        results = iter(map(wrap, repeat(body, *arrays_of)))
        state, ys = rebuilt(self.state, results), rebuilt(result[0], results)
        self._before = [z._array for z in results]
        return state, ys, ends

    def _shapes(self) -> tuple[Any, Any]:
        """The state, and ys without a step."""
        with no_grad(), _step(self.name, 0):
            x = mapped(lambda rows: wrap(np.zeros(rows.shape[1:], rows.dtype)[()]), self.rows)
            _, y = self.called(mapped(detached, self.state), x)
        return self.state, mapped(lambda z: wrap(np.zeros((0, *z.shape), z.dtype)), y)

    def called(self, state: Any, x: Any) -> tuple[Any, Any]:
        """The new state and y, of Tensors. Raises for a state that is of another kind than the first."""
        before = [(z, z._array) for _, z in leaves((state, x))]
        result = self.f(state, x)
        if any(z._array is not data for z, data in before):
            raise GraphError(
                f"the function given to {self.name} writes into its argument, and is run again for the gradient: write "
                "y = x.copy() first and change y, or return what is new"
            )
        if not isinstance(result, tuple) or len(result) != 2:
            raise DTypeError(f"{self.name}: f returns (state, y), got {type(result).__name__}: write None for no y")
        new, y = result
        items = []
        for path, item, like in aligned(new, self.state, "the state"):
            z = as_tensor(item, path, like.dtype)
            if (z.shape, z.dtype) != (like.shape, like.dtype):
                kind = ShapeError if z.shape != like.shape else DTypeError
                raise kind(
                    f"{self.name}: {path} came in with shape {like.shape} and dtype {like.dtype}, and f gives shape "
                    f"{z.shape} and dtype {z.dtype}: a state keeps both; make the first one so, or write "
                    f".astype('{like.dtype}')"
                )
            items.append(z)
        return rebuilt(self.state, iter(items)), entered(y, "y")

    # -- backward -----------------------------------------------------------------------------

    def all_gradients(self, g: Any) -> list[Any]:
        """dL/d(parent) for each parent: a scan from the last step to the first."""
        record = isinstance(g, Tensor)
        moves = parts(g if record else wrap(g), self._outputs)
        state, rows = self._arguments(record)
        floating = [x for _, x in leaves(state) if is_floating(x)]
        if record:
            states = scan(lambda s, x: (self.called(s, x)[0], s), state, rows, length=self.steps, reverse=self.reverse)
            before = states[1]
        else:
            order = -1 if self.reverse else 1
            saved = self._before or [np.stack(saved[::order]) for saved in self._saved]
            before = rebuilt(state, iter(map(wrap, saved)))
        ends = self.parents[len(self.parents) - self._closures :]
        zeros = [wrap(np.zeros(end.shape, end.dtype)) for end in ends]

        def back(later: Any, at: Any) -> Any:
            (of_state, sums), (state, x, of_y) = later, at
            pulled = self._pulled(state, x, [*of_state, *of_y], is_recording())
            count, more = len(of_state), len(pulled) - len(sums)
            return (pulled[:count], [s + d for s, d in zip(sums, pulled[more:], strict=True)]), pulled[count:more]

        batches = tuple(sorted({*self.batches, *active()}, key=lambda batch: batch.number))
        with enable_grad() if record else no_grad(), inside(batches):
            first = (moves[: len(floating)], zeros)
            at = (before, rows, moves[len(floating) :])
            (of_state, sums), of_rows = scan(back, first, at, length=self.steps, reverse=not self.reverse)
        nodes = [x._node for _, x in leaves((self.state, self.rows)) if is_floating(x)]
        gradients = [d for node, d in zip(nodes, [*of_state, *of_rows], strict=True) if node is not None]
        return [*gradients, *sums] if record else [x._array for x in (*gradients, *sums)]

    def _arguments(self, record: bool) -> tuple[Any, Any]:
        """The first state and xs as they are differentiated: behind what leads on to them, or without a graph."""
        behind = iter(self.behind)

        def argument(x: Tensor) -> Tensor:
            node = next(behind) if is_floating(x) and x._node is not None else None
            return wrap(x._array, node if record else None)

        return mapped(argument, self.state), mapped(argument, self.rows)

    def _pulled(self, state: Any, x: Any, moves: Sequence[Tensor], record: bool) -> list[Tensor]:
        """The gradients of one step: of the state before it, of x, and of what ``f`` closes over."""
        return self.carried_back(lambda arguments: self.called(*arguments), (state, x), self._closures, moves, record)


def detached(x: Tensor) -> Tensor:
    """The Tensor without its graph."""
    return wrap(x._array) if x._node is not None else x


@contextmanager
def _step(name: str, t: int) -> Iterator[None]:
    """One step of a body, whose number an error tells."""
    try:
        with within(name):
            yield
    except Exception as error:
        error.add_note(f"in step {t} of {name}")
        raise
