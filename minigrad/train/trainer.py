"""``Trainer``: the training loop, written once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from minigrad import distributed, nn
from minigrad.core.checks import is_positive, is_whole
from minigrad.errors import DTypeError, HyperparameterError, StateError
from minigrad.files import Checkpoints
from minigrad.nn import Module
from minigrad.support.idioms import refuse_names, told
from minigrad.support.user_warnings import warn
from minigrad.train import gradients, loop, ranks, resuming, settings, state
from minigrad.train.arguments import listed, takes_targets_first
from minigrad.train.batches import Batches
from minigrad.train.callbacks.callback import Callback
from minigrad.train.function_metric import as_metric
from minigrad.train.history import History
from minigrad.train.metric import Metric
from minigrad.train.progress import progress_named
from minigrad.train.run_state import RunState


class Trainer(RunState):
    """Trains ``model`` with ``optimizer`` to make ``loss(predictions, targets)`` small.

    - ``metrics``: measures besides the loss, such as ``Accuracy()`` or a function of all predictions and targets. On
      training batches they use the predictions before each update; on validation data, the weights after the epoch.
    - ``compile``: whether the model, loss and gradients of a step run as one program (``mg.compile``). True means its
      backend "numpy", with the same bits as without it; "native" and "jax" agree to rounding. A resumed run has the
      same bits with each backend.
    - ``backend``: another way to write it: ``backend="jax"`` means ``compile="jax"``.
    - ``devices``: the devices of JAX over which each batch is spread. In several processes (``python -m minigrad
      launch``), a batch is spread over the devices of all processes.
    - ``clip_norm``: scale the gradients of a step so that their common norm is at most this.
    - ``accumulate``: add up the gradients of this many batches for one step, as for one batch of all their rows.

    ``step`` counts the optimizer's steps, ``epoch`` the finished epochs, and ``history`` has their records. L1 and L2
    penalties of layers are minimised together with the loss, but the losses in the history do not include them.

    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 2)).astype("float32")
    >>> y = (X[:, 0] > X[:, 1]).astype(int)
    >>> model = nn.Sequential(nn.Linear(2, 8, generator=rng), nn.ReLU(), nn.Linear(8, 2, generator=rng))
    >>> adam = optim.Adam(model.parameters(), lr=0.1)
    >>> trainer = train.Trainer(model, adam, nn.CrossEntropyLoss(), metrics=[train.Accuracy()])
    >>> history = trainer.fit((X, y), epochs=30, progress="none")
    >>> trainer.evaluate((X, y))["accuracy"] > 0.95
    True

    Raises ``DTypeError`` for arguments of a wrong kind, and ``StateError`` for an optimizer that holds another model's
    parameters.
    """

    @told
    def __init__(
        self,
        model: Module,
        optimizer: Any,
        loss: gradients.Loss,
        metrics: Sequence[Metric | Callable[[Any, Any], Any]] = (),
        *,
        compile: bool | str = False,
        clip_norm: float | None = None,
        accumulate: int = 1,
        backend: str | None = None,
        devices: Sequence[Any] | None = None,
    ) -> None:
        _check_parts(model, optimizer, loss, metrics)
        _check_last_layer(model, loss)
        _check_options(optimizer, clip_norm, accumulate)
        if backend is not None and compile not in (False, True, backend):
            raise HyperparameterError(
                f"Trainer: backend={backend!r} and compile={compile!r} name two: write one of them"
            )
        compile = backend or compile
        if compile:
            compile = gradients.backend_of(compile)
        devices = ranks.devices_of(compile or "", devices)
        measured = tuple(map(as_metric, metrics))
        super().__init__(model, optimizer, loss, measured, compile, clip_norm, accumulate, devices)
        self._running = False

    # -- training -----------------------------------------------------------------------------

    @told
    def fit(
        self,
        train: Any,
        epochs: int,
        validation: Any = None,
        callbacks: Iterable[Callback] = (),
        checkpoint_dir: str | os.PathLike[str] | None = None,
        progress: str = "auto",
        *,
        checkpoint_every: int | None = None,
        keep: int = 3,
    ) -> History:
        """Train for ``epochs`` passes over ``train``; returns the history.

        - ``train``: a pair (X, y), which is one batch; a ``DataLoader``; or any iterable of batches (X, y), with or
          without a length. ``validation`` takes the same, and is evaluated after each epoch.
        - ``checkpoint_dir``: the folder for checkpoints. The last ``keep`` are kept. They are written at the end
          of the run, after epochs, and about every half minute within an epoch, unless saving would take more than a
          twentieth of the time. With ``checkpoint_every=n`` they are written every n steps and at the end.
        - ``progress``: "bar", "lines", "none", or "auto": a bar in a terminal or notebook, else lines.

        After ``resume``, or after Ctrl-C has ended it, a run continues where it stopped, and ``epochs`` counts from the
        beginning of this fit. Otherwise they are added to the epochs before. If a script has several fits, those that
        had finished return at once.

        Ctrl-C ends the run after the current step, with a checkpoint, and says how to continue; a second one is an
        ordinary ``KeyboardInterrupt``. With a ``checkpoint_dir``, SIGTERM has the same effect. A loss that is not
        finite raises ``DivergenceError`` before the step, and the weights stay as they were. Raises ``StateError`` for
        a ``checkpoint_dir`` with checkpoints of another run.
        """
        if self._running:
            raise StateError("fit was called by a callback of a fit that is under way: trainer.stop(reason) ends it")
        _check_fit(epochs, checkpoint_dir, checkpoint_every)
        shown = progress_named(progress)
        if distributed.rank():  # the first speaks for all
            shown = progress_named("none")
        callbacks = tuple(listed(callbacks, "callbacks"))
        batches = Batches(train, self.dtype(), "train")
        if distributed.size() > 1:
            batches.devices = len(self.devices or ())
        held_out = None if validation is None else Batches(validation, self.dtype(), "validation")
        checkpoints = None
        if checkpoint_dir is not None:
            checkpoints = Checkpoints(checkpoint_dir, keep)
            resuming.check_folder(self, checkpoints)
        self.checkpoints = checkpoints
        _check_held(self.model, self.optimizer, self.loss)
        fit = resuming.Fit(self, batches, held_out, callbacks)
        run = loop.Run(self, fit, shown, checkpoint_every)
        state.note_base(self)
        if fit.begin(int(epochs)):
            number = self.continuation.ended
            shown.tell(f"Fit {number} of the run was over when the checkpoint was written.")
            return History(self.history.records[: self.continuation.fits[number]["first"]])
        if checkpoints is not None:
            self.continuation.folders.add(resuming.key(checkpoints.folder))
        self.epochs = (self.continuation.first or 0) + int(epochs)
        self.optimizer.prepare()  # weights lie in the same memory in a run that was resumed
        self._train(run, fit)
        return self.history

    def _train(self, run: loop.Run, fit: resuming.Fit) -> None:
        """Run the loop; what is left to do is known afterwards, however it ended."""
        interrupted = over = False
        self._running = True
        try:
            interrupted = run.run()
            over = not interrupted
        finally:
            self._running = False
            if not interrupted and self.continuation.pending is None:
                self.continuation.first = None
                if over:
                    fit.end()
                else:
                    self.continuation.fits.pop()
        if interrupted:
            self.continuation.pending = {**fit.position(), "here": True}

    # -- going on -----------------------------------------------------------------------------

    @told
    def resume(self, checkpoint_dir: str | os.PathLike[str]) -> bool:
        """Continue from the latest checkpoint in the folder, to the last bit; returns False if there is none yet.

        Call it on a trainer made of the same parts, before ``fit`` with the same arguments: then a killed script
        continues when it is started again. The weights, the optimizer, the metrics and the history are read at once;
        the position in the data, the callbacks and the generators when ``fit`` begins.

        Raises ``StateError`` for the checkpoint of another model or optimizer, and ``FileError`` if no checkpoint can
        be read. Neither changes anything.
        """
        checkpoints = Checkpoints(checkpoint_dir)
        if not checkpoints.paths():
            return False
        saved = state.upgraded(checkpoints.load())
        of_trainer = isinstance(saved, Mapping) and saved.keys() == state.of_run(self).keys()
        if not of_trainer or saved["format"] != state.FORMAT:
            raise StateError(f"{checkpoints.folder} holds no checkpoints of a Trainer")
        of_script = settings.of_script(self)
        state.note_base(self)
        try:
            state.load(self, saved)
        except StateError as error:
            error.add_note(resuming.elsewhere(checkpoints))
            raise
        self.continuation.saved = saved if len(self.continuation.fits) > 1 else None
        self.continuation.given = of_script, settings.options(self)
        self.continuation.folders.add(resuming.key(checkpoints.folder))
        state.check_versions(saved["versions"])
        return True

    def __repr__(self) -> str:
        return (
            f"Trainer({type(self.model).__name__}, {self.optimizer!r}, "
            f"{getattr(self.loss, '__name__', type(self.loss).__name__)}, step={self.step}, epoch={self.epoch})"
        )


refuse_names(Trainer, "a Trainer")


def _check_options(optimizer: Any, clip_norm: float | None, accumulate: int) -> None:
    if not is_whole(accumulate, 1):
        raise HyperparameterError(f"accumulate is a number of batches from 1 on, got {accumulate!r}")
    if clip_norm is not None and not is_positive(clip_norm):
        raise HyperparameterError(f"clip_norm is a finite number above 0, or None, got {clip_norm!r}")
    if gradients.takes_closure(optimizer) and (accumulate > 1 or clip_norm is not None):
        raise HyperparameterError(
            f"{type(optimizer).__name__} computes the gradients of a step several times: accumulate and clip_norm "
            "are for optimizers that take them once"
        )


def _check_parts(model: Any, optimizer: Any, loss: Any, metrics: Any) -> None:
    if not isinstance(model, Module):
        raise DTypeError(f"Trainer: model is an nn.Module, got {type(model).__name__}")
    if not hasattr(optimizer, "param_groups"):
        raise DTypeError(
            f"Trainer: optimizer is an optimizer such as optim.Adam(model.parameters()), got {type(optimizer).__name__}"
        )
    if not callable(loss) or isinstance(loss, type):
        raise DTypeError(
            f"Trainer: loss is called with predictions and targets, as nn.CrossEntropyLoss() is; got {loss!r:.60}"
        )
    if takes_targets_first(loss):
        name = getattr(loss, "__name__", type(loss).__name__)
        raise DTypeError(
            f"Trainer calls loss(predictions, targets), and the parameters of {name} are named the other way round: "
            f"write it with the predictions first, or loss=lambda predictions, targets: {name}(targets, predictions)"
        )
    for metric in listed(metrics, "metrics"):
        if isinstance(metric, type) or not (isinstance(metric, Metric) or callable(metric)):
            raise DTypeError(
                "Trainer: metrics are objects such as train.Accuracy(), or functions of predictions and targets; "
                f"got {metric!r:.60}"
            )
        if isinstance(metric, Metric) and takes_targets_first(metric.update):
            raise DTypeError(
                f"Trainer calls {type(metric).__name__}.update(predictions, targets), and its parameters are named the "
                "other way round: write def update(self, predictions, targets)"
            )
    names = [as_metric(metric).name for metric in metrics]
    if len(set(names)) < len(names):
        raise HyperparameterError(f"Trainer: metrics have different names, got {names}: set metric.name of one")
    taken = [name for name in names if name in loop.COLUMNS or name.startswith("val_")]
    if taken:
        raise HyperparameterError(
            f"Trainer: a metric is called {taken[0]!r}, which the history has of its own: set metric.name to another"
        )
    learned = {id(p) for p in model.parameters()}
    in_optimizer = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if learned and not learned & in_optimizer:
        raise StateError("Trainer: the optimizer holds no parameter of the model: make it of model.parameters()")


#: Losses, the last layers that are not what they take, and what is.
_LAST_LAYERS: tuple[tuple[type[Module], tuple[type[Module], ...], str], ...] = (
    (nn.CrossEntropyLoss, (nn.Softmax, nn.Sigmoid), "logits: leave that layer out, the loss has its own softmax"),
    (nn.BCEWithLogitsLoss, (nn.Softmax, nn.Sigmoid), "logits: leave that layer out, the loss has its own sigmoid"),
    (nn.NLLLoss, (nn.Softmax, nn.Sigmoid, nn.Linear), "logarithms: end with nn.LogSoftmax()"),
    (nn.CategoricalCrossEntropy, (nn.LogSoftmax, nn.Linear), "probabilities: end with nn.Softmax()"),
)


def _check_last_layer(model: Module, loss: Any) -> None:
    """Warn of a model that ends with another kind of numbers than the loss takes."""
    last = model
    while isinstance(last, nn.Sequential) and len(last):
        last = last[-1]
    for kind, others, wanted in _LAST_LAYERS:
        if isinstance(loss, kind) and isinstance(last, others):
            warn(f"the model ends with {type(last).__name__}, and {kind.__name__} takes {wanted}")


def _check_held(model: Module, optimizer: Any, loss: Any) -> None:
    """Warn of a model whose layers were exchanged after its optimizer was made: the new ones would not be trained."""
    learned = model.named_parameters()
    others = {id(p) for part in (model, loss) if isinstance(part, Module) for p in part.parameters()}
    own = {id(p) for group in optimizer.param_groups for p in group["params"]}
    left_out = [name for name, p in learned if p.requires_grad and id(p) not in own]
    if left_out and own - others:
        warn(
            f"the optimizer does not hold {', '.join(left_out[:3])}{' ...' if len(left_out) > 3 else ''}, and holds "
            f"{len(own - others)} parameters that the model has no more: make the optimizer anew after a layer was "
            "exchanged, optim.Adam(model.parameters())"
        )


def _check_fit(epochs: Any, checkpoint_dir: Any, checkpoint_every: Any) -> None:
    if not is_whole(epochs, 0):
        pair = "; X and y are one argument: fit((X, y), epochs)" if hasattr(epochs, "__len__") else ""
        raise HyperparameterError(f"epochs is a number of passes over the data, at least 0, got {epochs!r:.60}{pair}")
    if checkpoint_every is not None and (checkpoint_dir is None or not is_whole(checkpoint_every, 1)):
        raise HyperparameterError(
            f"checkpoint_every is a number of steps from 1 on, and needs a checkpoint_dir; got {checkpoint_every!r}"
        )
