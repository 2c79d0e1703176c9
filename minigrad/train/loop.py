"""The loop itself: what ``Trainer.fit`` does with each batch and after each epoch."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import distributed
from minigrad.compiler.guards.code_names import is_of_package
from minigrad.core.inplace import seen, writable
from minigrad.core.tensor import Tensor
from minigrad.errors import DivergenceError
from minigrad.nn.batch_weight import NothingCountsError
from minigrad.optim import clip_grad_norm_
from minigrad.optim.optimizer import Optimizer
from minigrad.train.batches import samples
from minigrad.train.blocks import Blocks
from minigrad.train.callbacks.callback import hooks
from minigrad.train.divergence import diverged
from minigrad.train.gradients import Sums, backend_of, may_be_recorded, number, takes_closure, trained, without_graph
from minigrad.train.interrupting import Interruptible
from minigrad.train.metric import measured
from minigrad.train.progress import Silent
from minigrad.train.ranks import Agreement, check_alike, finish
from minigrad.train.state import of_run

if TYPE_CHECKING:
    from minigrad.train.resuming import Fit
    from minigrad.train.run_state import RunState

PAUSE = 30.0  # seconds between checkpoints within an epoch, at least;
COLUMNS = ("epoch", "steps", "loss", "skipped", "seconds")  # of a record, besides metrics
SHARE = 20.0  # and between any two, this many times the seconds that saving takes


class Run:
    """One call of ``fit``: its data, its callbacks, and when to look up from the work."""

    def __init__(self, trainer: RunState, fit: Fit, progress: Silent, checkpoint_every: int | None) -> None:
        self.trainer = trainer
        self.fit = fit
        self.batches = fit.batches
        self.validation = fit.validation
        self.hooks = hooks(fit.callbacks)
        self._on_gradients, self._on_step = self.hooks["on_gradients"], self.hooks["on_step"]
        own = [callback for callback in fit.callbacks if not is_of_package(type(callback).__module__)]
        self._may_change_model = bool(own)
        self._on_epoch_start = self.hooks["on_epoch_start"]
        self._on_epoch_end, self._on_record = self.hooks["on_epoch_end"], self.hooks["on_record"]
        self.progress = progress
        self.checkpoint_every = checkpoint_every
        self._batches = self._with_closure if takes_closure(trainer.optimizer) else self._steps
        # Without a checkpoint to write, SIGTERM ends the process as it always does.
        self.interruption = Interruptible(terminate=trainer.checkpoints is not None)
        self.agreement = Agreement(lambda: self.interruption.by, trainer.step)
        self._is_first = distributed.rank() == 0  # of several processes one writes
        self._saved: tuple[int, ...] = ()  # where the run stood when it was saved last
        self._optimizer: Any = None  # the one that was looked at last,
        self._may_be_recorded = False  # and what was found
        self._before: list[np.ndarray] = []  # what the buffers held before the step
        self._start = perf_counter()

    def run(self) -> bool:
        """Train until the last epoch, or until somebody ends it; whether that was Ctrl-C or SIGTERM."""
        trainer = self.trainer
        trainer.model.train()
        self._saved = self._place()
        self._plan(perf_counter())
        with self.interruption:
            self.progress.start(trainer.epochs, trainer.epoch, len(self.batches))
            with contextlib.ExitStack() as at_the_end:  # each of these happens, also where another one fails
                at_the_end.callback(self.progress.stop)
                for call in reversed(self.hooks["on_fit_end"]):
                    at_the_end.callback(call, trainer)
                self._call("on_fit_start")
                self.fit.go_on()
                check_alike(trainer, len(self.batches), self.fit.described)
                self._look_at_model()
                while trainer.epoch < trainer.epochs and not trainer.stopped and not self.agreement.by:
                    self._epoch()
                if self._saved != self._place():
                    self._save()
                finish()
        interrupted = self.agreement.by != "" and not trainer.is_over  # it may have come after the last step
        if interrupted:
            self.progress.note(self._how_to_go_on())
        elif trainer.stopped:
            self.progress.tell(f"Stopped in epoch {trainer.epoch}: {trainer.stopped}")
        return interrupted

    def _call(self, hook: str) -> None:
        for call in self.hooks[hook]:
            call(self.trainer)

    # -- an epoch -----------------------------------------------------------------------------

    def _epoch(self) -> None:
        trainer, totals, metrics = self.trainer, self.trainer.totals, self.trainer.metrics
        if not trainer.batch:
            totals.reset()
            for metric in metrics:
                metric.reset()
            for call in self._on_epoch_start:
                call(trainer)
            self.fit.epoch_begins()
        if self._may_change_model:
            self._look_at_model()
        self._start = perf_counter() - totals.seconds
        if not self._batches():
            return
        record: dict[str, Any] = {"epoch": trainer.epoch + 1, "steps": trainer.step, "loss": totals.mean()}
        for metric in metrics:
            record[metric.name] = measured(metric)
        if self.validation is not None:
            held_out = trainer.measure(self.validation)
            record.update({f"val_{name}": value for name, value in held_out.items()})
        if totals.skipped:
            record["skipped"] = totals.skipped
        now = perf_counter()
        record["seconds"] = now - self._start
        for call in self._on_epoch_end:
            call(trainer, record)
        trainer.history.records.append(record)
        trainer.epoch += 1
        trainer.batch = 0
        for call in self._on_record:
            call(trainer, record)
        self.progress.epoch(record)
        if now >= self._save_after_epoch or trainer.step >= self._save_at:  # its last step may have been such a one
            self._save()

    def _steps(self) -> bool:
        """The batches of the epoch that are left; whether all of them were done."""
        trainer = self.trainer
        collected = 0  # batches since the last step,
        sums: Sums | None = None  # and their gradients, where there may be several
        blocks = self._blocks()
        for x, y in self.batches.epoch(trainer.batch):
            size = samples(x, y)
            if not size:
                trainer.batch += 1
                continue
            if not collected:  # between two steps a callback may have changed any of these
                model, loss, optimizer, accumulate = trainer.model, trainer.loss, trainer.optimizer, trainer.accumulate
                if trainer.compile:
                    optimizer.prepare()  # a callback may have frozen a weight: programs are made on memory that stays
                optimizer.zero_grad()
                whole, compute = self._whole_with(optimizer), self.compute
            elif sums is not None:
                sums.begin()
            try:
                if whole is None:
                    self._note_buffers()
                outputs = (*compute(model, loss, x, y), None) if whole is None else whole(model, loss, x, y)
                value, total, predictions, count, is_sum, norm = outputs
            except NothingCountsError:  # a batch of padding: the others of the step go on without it
                trainer.batch += 1
                self._restore_buffers(self._before)
                continue
            trainer.batch += 1
            if not math.isfinite(total._array):
                self._leave_out(optimizer, total, x)
                collected = 0
                continue
            count = size if count is None else float(count)
            if whole is not None and (norm is None or math.isfinite(norm._array)):
                trainer.step += 1  # it is made, also where a metric raises
            self._measure(value, count, is_sum, predictions, y)
            if accumulate > 1:
                if sums is None or not collected:
                    sums = Sums(trained(model, optimizer))
                sums.add(count, is_sum)
                if is_sum:
                    compute = self.compute_more  # the penalties of layers are in the sum once
            collected += 1
            if collected == accumulate:
                self._update(sums if accumulate > 1 else None, whole is not None, norm)
                collected = 0
                many = blocks if whole is not None and type(predictions) in (Tensor, type(None)) else None
                if self._pause() or not self._in_blocks(many):
                    return False
        if collected:
            self._update(sums if accumulate > 1 else None, whole is not None, norm)
        return True

    def _blocks(self) -> Blocks | None:
        """The steps that machine code makes many at a time, where nobody looks at each of them."""
        trainer = self.trainer
        if not (trainer.compile and self.batches.is_of_loader) or self._on_step or distributed.size() > 1:
            return None
        if backend_of(trainer.compile) != "native":
            return None
        measures = all(is_of_package(type(metric).__module__) for metric in trainer.metrics)
        return Blocks(self.batches) if measures else None

    def _in_blocks(self, blocks: Blocks | None) -> bool:
        """Make the next steps in blocks, as far as that goes; whether the run goes on."""
        trainer = self.trainer
        while blocks is not None and self.whole is not None:
            steps = blocks.next_steps(self.whole, trainer, self._save_at - trainer.step)
            if not steps:
                break
            trainer.batch += len(steps)
            trainer.step += len(steps)
            for step in steps:
                self._add(step.loss, step.rows, step.is_sum, step.predictions, step.targets)
            if self._pause():
                return False
        return True

    def _leave_out(self, optimizer: Any, loss: Any, x: Any) -> None:
        """Leave a batch out whose loss is not finite. Raises ``DivergenceError`` unless the optimizer is to skip it."""
        self._restore_buffers(self._before)
        if not getattr(optimizer, "skip_nonfinite", False):
            raise self._divergence("the loss", number(loss), x)
        self.trainer.totals.skipped += 1

    def _note_buffers(self) -> None:
        """Keep what the buffers hold, before a forward pass may write the statistics of a bad batch there."""
        self._before = [seen(buffer).copy() for buffer in self.buffers]

    def _as_written(self) -> None:
        """Before a step runs as it is written: its rows are there, and its buffers can be put back."""
        self.batches.complete()
        self._note_buffers()

    def _restore_buffers(self, values: list[np.ndarray]) -> None:
        """Put back what the buffers held."""
        for buffer, before in zip(self.buffers, values, strict=True):
            writable(buffer)[...] = before

    def _update(self, sums: Sums | None, is_stepped: bool, norm: Any) -> None:
        """Make the optimizer's step, unless the program has (``is_stepped``), then call the callbacks.

        ``sums`` are the gradients of several batches.
        """
        trainer, optimizer = self.trainer, self.trainer.optimizer
        if sums is not None:
            sums.finish()
        for call in self._on_gradients:
            call(trainer)
        if trainer.clip_norm is not None:
            norm = norm if is_stepped else clip_grad_norm_(trained(trainer.model, optimizer), trainer.clip_norm)
            if not math.isfinite(norm._array) and not getattr(optimizer, "skip_nonfinite", False):
                self._restore_buffers(self._before)
                raise self._divergence("the norm of the gradients", number(norm))
        if not is_stepped:
            skipped = getattr(optimizer, "skipped", 0)
            optimizer.step()
            if getattr(optimizer, "skipped", 0) != skipped:  # a gradient that is not finite, of a loss that is
                trainer.totals.skipped += 1
                return
            trainer.step += 1
        for call in self._on_step:
            call(trainer)
        if self._may_change_model and self._on_step:
            self._look_at_penalties()

    def _look_at_model(self) -> None:
        """Note what a step needs to know of the model: its buffers, and whether layers have penalties."""
        self.buffers = self.trainer.model.buffers()
        self._layers = self.trainer.model.modules()
        self._look_at_penalties()

    def _look_at_penalties(self) -> None:
        trainer = self.trainer
        self.compute, self.compute_more, self.whole = trainer.compute(self._layers, self._as_written)
        self._optimizer = None

    def _whole_with(self, optimizer: Any) -> Callable[..., tuple[Any, ...]] | None:
        """The program of a whole step by this optimizer, which the data may have exchanged, if there is one."""
        if self.whole is None or self.trainer.accumulate > 1 or self._on_gradients:
            return None
        if optimizer is not self._optimizer:
            self._optimizer, self._may_be_recorded = optimizer, may_be_recorded(optimizer)
        is_plain = getattr(optimizer.step, "__func__", None) is Optimizer.step  # the data may have patched it
        return partial(self.whole, optimizer, self.trainer.clip_norm) if is_plain and self._may_be_recorded else None

    def _with_closure(self) -> bool:
        """The same for an optimizer that evaluates loss and gradients several times in a step."""
        trainer = self.trainer
        for x, y in self.batches.epoch(trainer.batch):
            trainer.batch += 1
            size = samples(x, y)
            if not size:
                continue
            before = [seen(buffer).copy() for buffer in self.buffers]
            first: list[Any] = []
            after: list[np.ndarray] = []

            def closure(x: Any = x, y: Any = y, first: Any = first, before: Any = before, after: Any = after) -> Any:
                trainer.optimizer.zero_grad()
                value, total, predictions, count, is_sum = self.compute(trainer.model, trainer.loss, x, y)
                if not first:
                    if not math.isfinite(total._array):
                        self._restore_buffers(before)
                        raise self._divergence("the loss", number(total), x)
                    first.extend((value, count, is_sum, predictions))
                    after[:] = [seen(buffer).copy() for buffer in self.buffers]
                    self._call("on_gradients")
                return total

            try:
                trainer.optimizer.step(closure)
            except NothingCountsError:
                self._restore_buffers(before)
                continue
            self._restore_buffers(after)  # a batch moves running statistics once, however often it is looked at
            trainer.step += 1
            value, count, is_sum, predictions = first
            self._measure(value, size if count is None else float(count), is_sum, predictions, y)
            self._call("on_step")
            if self._pause():
                return False
        return True

    def _measure(self, value: Any, count: float, is_sum: bool, predictions: Any, y: Any) -> None:
        """Add a batch to the sums of the epoch."""
        loss = float(value._array)  # a scalar: that was looked at before it was differentiated
        self._add(loss, count, is_sum, predictions, y)

    def _add(self, loss: float, count: float, is_sum: bool, predictions: Any, y: Any) -> None:
        trainer = self.trainer
        trainer.loss_value = loss
        trainer.totals.add(loss, count, is_sum)
        if trainer.metrics:
            predictions, y = without_graph(predictions), self.batches.targets(y)
            for metric in trainer.metrics:
                metric.update(predictions, y)

    def _pause(self) -> bool:
        """After a step: look up if it is time; whether the run ends here."""
        trainer = self.trainer
        if perf_counter() >= self._due or trainer.step >= self._save_at:
            self._look()
        self.agreement.look(trainer.step)
        return self.agreement.by != "" or trainer.stopped != ""

    # -- now and then -------------------------------------------------------------------------

    def _plan(self, now: float) -> None:
        """When to look up for the first time."""
        by_time = self.trainer.checkpoints is not None and self.checkpoint_every is None
        self._save_at: float = self.trainer.step + self.checkpoint_every if self.checkpoint_every else math.inf
        self._save_due = now + PAUSE if by_time else math.inf
        self._save_after_epoch = 0.0 if by_time else math.inf
        self._progress_due = now + min(self.progress.interval, 1.0)
        self._due = min(self._save_due, self._progress_due)

    def _look(self) -> None:
        """Show where the run is, and save it, each when it is time."""
        trainer, now = self.trainer, perf_counter()
        if now >= self._progress_due:
            self.progress.step(trainer.epoch + 1, trainer.batch, trainer.loss_value)
            self._progress_due = now + self.progress.interval
        if now >= self._save_due or trainer.step >= self._save_at:
            self._save()
        self._due = min(self._save_due, self._progress_due)

    def _save(self) -> None:
        trainer, start = self.trainer, perf_counter()
        if trainer.checkpoints is None:
            return
        trainer.totals.seconds = start - self._start
        if self._is_first:
            trainer.checkpoints.save({**of_run(trainer), "position": self.fit.position()}, trainer.step)
        self._saved = self._place()
        now = perf_counter()
        if self.checkpoint_every is None:
            self._save_after_epoch = now + SHARE * (now - start)
            self._save_due = max(now + PAUSE, self._save_after_epoch)
        else:
            self._save_at = trainer.step + self.checkpoint_every

    def _place(self) -> tuple[int, ...]:
        return self.trainer.step, self.trainer.epoch, self.trainer.batch

    # -- what goes wrong ----------------------------------------------------------------------

    def _divergence(self, what: str, value: float, x: Any = None) -> DivergenceError:
        self.batches.complete()
        return diverged(self.trainer, what, value, x)

    def _how_to_go_on(self) -> str:
        trainer = self.trainer
        epoch = trainer.epoch + (trainer.batch > 0)
        where = f"Stopped by {self.agreement.by} after step {trainer.step} (epoch {epoch})."
        if trainer.checkpoints is None:
            return f"{where} The same fit(...) continues from there; with checkpoint_dir=, another process can, too."
        folder = str(trainer.checkpoints.folder)
        return f"{where} To continue, also in another process: trainer.resume({folder!r}), then the same fit(...)."
