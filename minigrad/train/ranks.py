"""Several processes in one run: what each does of it, and what they agree on."""

from __future__ import annotations

import importlib
import io
import json
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minigrad import distributed
from minigrad.compiler.backends import listed_devices
from minigrad.core.tensor import Tensor, wrap
from minigrad.core.trees import leaves, mapped
from minigrad.data import DataLoader
from minigrad.data.shares import Share
from minigrad.distributed.gathering import gathered, gathered_rows
from minigrad.distributed.reporting import meeting
from minigrad.errors import DataError, HyperparameterError, StateError
from minigrad.random import default_generator, generator_state

if TYPE_CHECKING:
    from minigrad.train.run_state import RunState

_PAUSE = 0.5  # seconds between two agreements on whether to go on, about
_WEIGHTS, _GENERATOR = "the weights", "the package's generator"  # which begin from the seed
_TOGETHER = 16  # batches of each rank that are evaluated between two exchanges


def devices_of(backend: str, devices: Sequence[Any] | None) -> tuple[Any, ...] | None:
    """The devices of a run; those of all processes where there are several.

    Raises ``HyperparameterError`` for devices without JAX, and where several processes would not work together.
    """
    several = distributed.size() > 1
    if backend != "jax":
        if devices is not None:
            raise HyperparameterError(
                f'Trainer: devices are JAX\'s: write backend="jax"; got backend={backend or None!r}'
            )
        if several:
            raise HyperparameterError(
                f"Trainer: {distributed.size()} processes train one model through JAX: write Trainer(..., "
                'backend="jax"); without it each would train a model of its own, and write over the others\' files'
            )
        return None
    if not several:
        return None if devices is None else listed_devices(devices)
    distributed.start()
    with meeting("the devices of all"):
        all_of_them = tuple(importlib.import_module("jax").devices())
    if devices is not None and tuple(devices) != all_of_them:
        raise HyperparameterError(
            f"Trainer: in {distributed.size()} processes devices are all of theirs: leave devices= out; got "
            f"{len(devices)} of {len(all_of_them)}"
        )
    return all_of_them


class Held:
    """A batch in the shape of the whole, perhaps with this process's rows alone."""

    def __init__(self, share: Share, pair: Callable[[Any], tuple[Any, Any]]) -> None:
        self._share, self._pair = share, pair
        own = pair(share.batch)
        self.batch = own if share.whole is None else tuple([mapped(self._widened, part) for part in own])
        self._complete = share.whole is None

    def _widened(self, x: Any) -> Any:
        array = x._array if isinstance(x, Tensor) else x
        share = self._share
        if not isinstance(array, np.ndarray) or not array.ndim or len(array) == share.rows:
            return x
        whole = np.zeros((share.rows, *array.shape[1:]), array.dtype)
        whole[share.first : share.last] = array
        return wrap(whole) if isinstance(x, Tensor) else whole

    def complete(self) -> None:
        """Load the other rows. Raises ``DataError`` where the own ones are not as they were."""
        if self._complete or self._share.whole is None:
            return
        for (path, x), (_, other) in zip(leaves(self.batch), leaves(self._pair(self._share.whole())), strict=True):
            mine, whole = (np.asarray(getattr(one, "_array", one)) for one in (x, other))
            rows = slice(self._share.first, self._share.last)
            if mine.shape != whole.shape or not np.array_equal(
                mine[rows], whole[rows], equal_nan=mine.dtype.kind in "fc"
            ):
                raise DataError(
                    f"rows {rows.start} to {rows.stop} of a batch{path} are others when they are loaded alone: each "
                    "process loads its own rows, so a sample must not depend on its neighbours or on how often it was "
                    "loaded. Write DataLoader(..., transform=f) for what is random or sees the whole batch"
                )
            if len(whole) == self._share.rows and mine.flags.writeable:
                mine[...] = whole
        self._complete = True

    def targets(self, y: Any) -> Any:
        """The targets with all rows, for metrics."""
        if self._complete:
            return y
        share = self._share
        own = mapped(np.asarray, self._pair(share.batch)[1])
        lengths = {len(array) for _, array in leaves(own)}
        if lengths == {share.rows}:
            return y
        return mapped(gathered_rows, own)


def shares(data: Any, devices: int) -> Iterator[Share] | None:
    """The own rows of a loader's batches; None where data is something else, and each process has whole batches."""
    if type(data) is not DataLoader:
        return None
    return data.shares(distributed.rank(), distributed.size(), devices)


# -- agreements -----------------------------------------------------------------------------------


def check_alike(run: RunState, batches: int, described: Callable[[], Mapping[str, str]]) -> None:
    """Refuse a run whose ranks hold different things, or are ``described`` otherwise. Raises ``StateError``."""
    if distributed.size() == 1:
        return
    own = {
        "the number of epochs": run.epochs,
        "the step": [run.step, run.epoch, run.batch],
        "the number of batches": batches,
        _WEIGHTS: _digest([x._array for x in (*run.model.parameters(), *run.model.buffers())]),
        _GENERATOR: _digest(json.dumps(generator_state(default_generator()), default=str)),
        **{name: text if len(text) < 100 else _digest(text) for name, text in described().items()},
    }
    of_ranks = [json.loads(one) for one in gathered(json.dumps(own).encode(), "the beginning of fit")]
    for name in sorted({name for one in of_ranks for name in one}, key=lambda name: ("." in name, name)):
        values = [one.get(name, "not there") for one in of_ranks]
        other = next((rank for rank, value in enumerate(values) if value != values[0]), None)
        if other is not None:
            seed = "; call mg.manual_seed(0) before the model is made" if name in (_WEIGHTS, _GENERATOR) else ""
            raise StateError(
                f"ranks differ when fit begins, in {name}: {values[other]} in rank {other}, {values[0]} in rank 0. "
                f"Ranks run the same script on the same files, and all of them resume or none{seed}"
            )


def _digest(parts: Any) -> str:
    if isinstance(parts, str):
        return f"{zlib.crc32(parts.encode()):08x}"
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part.tobytes(), checksum)
    return f"{checksum:08x}"


class Agreement:
    """Whether the ranks end after this step: one of them wishes it, and all do.

    Ranks ask each other about twice in a second, after the same steps. A process that is alone looks at its own wish.
    """

    def __init__(self, wish: Callable[[], str], step: int) -> None:
        self._wish = wish
        self._alone = distributed.size() == 1
        self._by = ""  # what one of them wishes to end by
        self._step, self._next, self._seconds = step, step + 1, time.perf_counter()

    @property
    def by(self) -> str:
        """What the run is to end by; "" where it goes on."""
        return self._wish() if self._alone else self._by

    def look(self, step: int) -> None:
        """A step is done."""
        if self._alone or step < self._next:
            return
        now = time.perf_counter()
        seconds = (now - self._seconds) / max(1, step - self._step)
        told = [json.loads(one) for one in gathered(json.dumps([step, seconds, self._wish()]).encode())]
        steps = [one[0] for one in told]
        if len(set(steps)) > 1:
            raise StateError(f"the ranks stand at steps {steps}: pass all of them the same data and callbacks")
        self._by = next((one[2] for one in told if one[2]), "")
        between = int(_PAUSE / max(1e-6, *[one[1] for one in told]))
        self._next = step + min(max(1, between), 2 * (step - self._step) + 1)
        self._step, self._seconds = step, time.perf_counter()


def finish() -> None:
    """All have come to the end of a fit: what the first rank has written is there."""
    gathered(b"", "the end of fit")


# -- evaluation -----------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """What a batch gave in evaluation: (loss, how much counts, whether it is a sum), or None where nothing does."""

    loss: tuple[float, float, bool] | None
    predictions: Any


def outcomes(
    batches: Iterable[tuple[Any, Any]], outcome: Callable[[Any, Any], Outcome], seen: bool
) -> Iterator[tuple[Outcome, Any]]:
    """The outcome of each batch, and its targets; several ranks divide the batches among them, and all get all.

    Predictions are exchanged where they are ``seen``, and are arrays; else each rank works out all.
    """
    rank, size = distributed.rank(), distributed.size()
    own: list[tuple[Outcome | None, Any]] = []
    divided = size > 1
    for number, (x, y) in enumerate(batches):
        own_outcome = outcome(x, y) if not divided or number % size == rank or not number else None
        if own_outcome is not None and not number:  # all know this one, so they decide alike
            divided = divided and (not seen or isinstance(own_outcome.predictions, Tensor))
        if not divided and own_outcome is not None:
            yield own_outcome, y
            continue
        own.append((own_outcome, y))
        if len(own) == _TOGETHER * size:
            yield from _exchanged(own, seen)
            own = []
    if own:
        yield from _exchanged(own, seen)


def _exchanged(own: list[tuple[Outcome | None, Any]], seen: bool) -> Iterator[tuple[Outcome, Any]]:
    rank, size = distributed.rank(), distributed.size()
    mine = {i: outcome for i, (outcome, _) in enumerate(own) if i % size == rank and outcome is not None}
    text = json.dumps({i: outcome.loss for i, outcome in mine.items()})
    arrays = {f"{i}": np.asarray(outcome.predictions._array) for i, outcome in mine.items()} if seen else {}
    file = io.BytesIO()
    np.savez(file, losses=np.frombuffer(text.encode(), np.uint8), **arrays)  # type: ignore[arg-type]
    joined: dict[int, Outcome] = {}
    for one in gathered(file.getvalue(), "an evaluation"):
        with np.load(io.BytesIO(one), allow_pickle=False) as part:
            for i, loss in json.loads(part["losses"].tobytes()).items():
                joined[int(i)] = Outcome(None if loss is None else tuple(loss), wrap(part[i]) if seen else None)
    for i, (_, y) in enumerate(own):
        yield joined[i], y
