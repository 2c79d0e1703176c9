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

    Other names that begin with ``on_`` are refused, so that none is misspelled in silence.

    ``trainer.stop(reason)`` ends the run after the step or epoch. What a callback must know to go on after a resume is
    its ``state_dict``: what ``mg.save`` saves. Of a callback that defines none, the attributes that have changed are
    saved: numbers, strings, arrays, tensors, generators, and lists, dicts and objects of these.

    In several processes each calls the hooks, and all must decide alike: ``trainer.loss_value``, records and weights
    are the same in all. ``only_first = True`` in the class lets the first process alone call them: to write files.

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
        """``fit`` begins, or goes on: ``trainer.epoch`` epochs are done, ``trainer.history`` has their records."""

    def on_resume(self, trainer: RunState) -> None:
        """A run goes on where it was interrupted; ``on_fit_start`` has been called, and no step made.

        The place for what no checkpoint holds: layers that were exchanged, objects that were made on the way. Numbers,
        arrays and the like in attributes, frozen weights and generators are then put back.
        """

    def on_epoch_start(self, trainer: RunState) -> None:
        """An epoch begins; not one that a resumed run goes on with."""

    def on_gradients(self, trainer: RunState) -> None:
        """The gradients of a step are there, not clipped yet, and no weight has changed."""

    def on_step(self, trainer: RunState) -> None:
        """The optimizer has made step number ``trainer.step``; ``trainer.loss_value`` is the loss before it."""

    def on_epoch_end(self, trainer: RunState, record: dict[str, Any]) -> None:
        """An epoch and its validation are done; numbers may be added to ``record``, which then enters the history."""

    def on_record(self, trainer: RunState, record: Mapping[str, Any]) -> None:
        """The record is complete and in the history: judge it, or write it down."""

    def on_fit_end(self, trainer: RunState) -> None:
        """``fit`` ends, also by an error: close files."""

    def state_dict(self) -> dict[str, Any]:
        """The state that a resumed run needs."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``state_dict`` gave."""


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
