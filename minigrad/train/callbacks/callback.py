"""``Callback``: what looks at a run while it goes on, and may end it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from minigrad import distributed
from minigrad.errors import DTypeError

if TYPE_CHECKING:
    from minigrad.train.run_state import RunState


class Callback:
    """The base of callbacks. A subclass defines the hooks that it wants; the others cost nothing.

    Other methods whose names begin with ``on_`` are refused, so a misspelled hook is noticed.

    ``trainer.stop(reason)`` ends the run after the step or epoch. ``state_dict`` returns the state that a callback
    needs after a resume, of types that ``mg.save`` saves. If a callback does not define it, its changed attributes are
    saved: numbers, strings, arrays, tensors, generators, and lists, dicts and objects of these.

    In training with several processes, each process calls the hooks, and all must decide alike; ``trainer.loss_value``,
    records and weights are the same in all of them. With ``only_first = True`` in the class, only the first process
    calls the hooks, for instance to write files.

    >>> class Every(train.Callback):
    ...     seen = 0
    ...
    ...     def on_step(self, trainer):
    ...         self.seen += 1
    >>> model = nn.Linear(2, 1)
    >>> trainer = train.Trainer(model, optim.SGD(model.parameters(), lr=0.1), nn.MSELoss())
    >>> data = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    >>> callback = Every()
    >>> history = trainer.fit(data, epochs=2, callbacks=[callback], progress="none")
    >>> callback.seen
    2
    """

    only_first = False

    def on_fit_start(self, trainer: RunState) -> None:
        """``fit`` begins or continues: ``trainer.epoch`` epochs are done, and ``trainer.history`` has their records."""

    def on_resume(self, trainer: RunState) -> None:
        """A run resumes where it was interrupted: after ``on_fit_start``, before the first step.

        Restore here what a checkpoint cannot hold: replace layers again, and create the objects that the run had
        created. Afterwards, numbers, arrays and the like in attributes, frozen weights and generators are restored from
        the checkpoint.
        """

    def on_epoch_start(self, trainer: RunState) -> None:
        """An epoch begins. Not called when a run resumes in the middle of an epoch."""

    def on_gradients(self, trainer: RunState) -> None:
        """The gradients of a step are computed, but not clipped yet, and no weight has changed."""

    def on_step(self, trainer: RunState) -> None:
        """The optimizer has made step number ``trainer.step``; ``trainer.loss_value`` is the loss before it."""

    def on_epoch_end(self, trainer: RunState, record: dict[str, Any]) -> None:
        """An epoch and its validation are done; numbers may be added to ``record`` before it enters the history."""

    def on_record(self, trainer: RunState, record: Mapping[str, Any]) -> None:
        """The record of an epoch is complete and in the history: decide by it, or write it to a file."""

    def on_fit_end(self, trainer: RunState) -> None:
        """``fit`` ends, normally or with an error: close files."""

    def state_dict(self) -> dict[str, Any]:
        """The state that a resumed run needs."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""


HOOKS = tuple("on_fit_start on_resume on_epoch_start on_gradients on_step on_epoch_end on_record on_fit_end".split())


def hooks(callbacks: Iterable[Callback]) -> dict[str, list[Callable[..., None]]]:
    """For each hook, the methods of the callbacks that define it.

    Raises ``DTypeError`` for what is no callback, and for a method that looks like a hook and would never be called.
    """
    callbacks = list(callbacks)
    for callback in callbacks:
        if not isinstance(callback, Callback):
            hint = ": write it with parentheses" if isinstance(callback, type) else ""
            raise DTypeError(f"callbacks are objects of subclasses of train.Callback, got {callback!r:.60}{hint}")
        for name in dir(type(callback)):
            if name.startswith("on_") and name not in HOOKS and callable(getattr(callback, name)):
                raise DTypeError(
                    f"{type(callback).__name__}.{name} is no hook, and would never be called. The hooks are "
                    f"{', '.join(HOOKS)}; a method of another purpose has a name without on_"
                )
    called = [callback for callback in callbacks if not (callback.only_first and distributed.rank())]
    return {
        name: [getattr(c, name) for c in called if getattr(type(c), name) is not getattr(Callback, name)]
        for name in HOOKS
    }
