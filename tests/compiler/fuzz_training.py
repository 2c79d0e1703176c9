"""Random training loops, compiled and as they are written, side by side.

``python -m tests.compiler.fuzz_training --runs 2000 --seed 0 --backend numpy`` prints how many were the same, how many
were refused and why, and the seeds of those that were wrong or crashed. A run is a model, an optimizer, a step and
twenty calls of it, between which something changes; in a third of the runs half of them are some steps in one call of
``repeat``. The same seed is the same run. Results, weights, gradients, state
and generators are compared after each call: bit for bit with NumPy. With other backends numbers agree to rounding: half
of the runs have ``check=True``, which holds each call to the backend's bound, the others replay and audit as usual;
there whatever is no float must be the same, and floats too, to ``LOOSE``. Where the optimizer amplifies rounding,
floats and the classes that they predict are compared by shape and dtype alone. ``--backend python`` is the backend
"native" with the text of its kernels run by Python. With ``--seconds``, on Ctrl-C and on SIGTERM (``timeout``) it ends
after a run, says what came out so far and with which seed to go on: most of the time goes to compiling, since each run
has programs of its own.
"""

import argparse
import collections
import contextlib
import functools
import os
import re
import signal
import time
import traceback
import warnings

import numpy as np

import minigrad as mg
from minigrad.compiler.audit import AuditError
from minigrad.compiler.tracing.trace_comparison import same_numbers
from minigrad.core.tensor import Tensor
from minigrad.errors import CompileError
from tests.compiler import fuzz_actions, fuzz_mutations
from tests.compiler.backends.interpreting import by_python
from tests.compiler.fuzz_worlds import World

CALLS = 20

#: How far floats may drift apart in a run, by the bytes of those of the model, of the largest of an array.
LOOSE = {4: 1e-3, 8: 1e-8}

MUTATIONS = fuzz_mutations.MUTATIONS | fuzz_actions.MUTATIONS


def differences(one, other, same=same_numbers, path="the result"):
    """Where two nested values differ."""
    one, other = (x.data if isinstance(x, Tensor) else x for x in (one, other))
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [d for key in one for d in differences(one[key], other[key], same, f"{path}, {key}")]
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)) and len(one) == len(other):
        pairs = zip(one, other, strict=True)
        return [d for i, pair in enumerate(pairs) for d in differences(*pair, same, f"{path}[{i}]")]
    numbers = type(one) is float and type(other) is float
    if numbers or (isinstance(one, (np.ndarray, np.generic)) and isinstance(other, (np.ndarray, np.generic))):
        is_same = same(np.asarray(one), np.asarray(other))
    else:
        is_same = type(one) is type(other) and (one == other or (one != one and other != other))  # noqa: PLR0124 - NaN
    return [] if is_same else [path]


def of_one_kind(one, other):
    """The same bits, or floats of one shape and dtype; or integers, which name the classes that floats predict."""
    return same_numbers(one, other) or (one.dtype.kind in "fi" and (one.shape, one.dtype) == (other.shape, other.dtype))


def close(one, other, room):
    """The same bits, or floats that are about the same."""
    if same_numbers(one, other) or not of_one_kind(one, other) or one.dtype.kind != "f":
        return same_numbers(one, other)
    scale = max(1.0, float(np.max(np.abs(one), initial=0, where=np.isfinite(one))))
    return bool(np.allclose(one, other, rtol=0, atol=room * scale, equal_nan=True))


class Run:
    """One run: ``outcome`` is "same", "refused", "wrong" or "crashed", and ``why`` says more."""

    def __init__(self, seed, backend="numpy"):
        self.seed, self.backend = seed, "native" if backend == "python" else backend
        self.kernels = by_python() if backend == "python" else contextlib.nullcontext()
        self.outcome, self.why, self.log = "same", "", []
        self.exact = backend == "numpy"
        self.check = not self.exact and seed % 2 == 0
        self.replayed, self.error, self.steps = 0, None, []

    def made(self):
        """The run after it has run."""
        with self.kernels:
            self._run()
        own = vars(getattr(self.compiled, "training", None) or self).get("step")  # a method's
        self.replayed = sum(step.stats()["replayed"] for step in [*self.steps, *([own] if own else [])])
        return self

    def _run(self):
        self.eager = World(self.seed, lambda step: step)
        self.compiled = World(self.seed, self._compiled)
        self.same = same_numbers if self.exact else functools.partial(close, room=LOOSE[self.eager.dtype.itemsize])
        rng, other = np.random.default_rng([self.seed, 1]), np.random.default_rng([self.seed, 2])
        repeats = other.random() < 1 / 3
        often = rng.choice([0.05, 0.2, 0.5])
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for i in range(CALLS):
                while rng.random() < often:
                    name = list(MUTATIONS)[rng.integers(len(MUTATIONS))]
                    self.log.append(f"{i}: {name}")
                    number = int(rng.integers(2**32))
                    if self._differs(lambda world: MUTATIONS[name](world, np.random.default_rng(number))):  # noqa: B023
                        return
                number = int(rng.integers(2**32))
                batch = self.eager.batch(np.random.default_rng(number))
                if repeats and other.random() < 0.5:
                    if self._repeats(batch, other):
                        return
                    continue
                if self._differs(lambda world: world.call(*batch)):  # noqa: B023
                    return

    def _repeats(self, batch, rng):
        """Some steps with one batch, or with others of its kind: a loop beside ``repeat``."""
        n, each = int(rng.integers(1, 12)), rng.random() < 0.5
        x, y, weight = batch
        if each:
            x, y = (np.stack([rng.permutation(np.asarray(part)) for _ in range(n)]) for part in (x, y))
        self.log.append(f"{n} steps in one call{', each its own batch' * each}")
        return self._differs(lambda world: world.several(n, x, y, weight, each))

    def _compiled(self, step):
        self.steps.append(mg.compile(step, backend=self.backend, check=self.check))
        return self.steps[-1]

    def _differs(self, action):
        """Do something in both worlds, and note what comes out different."""
        (one, error), (other, refusal) = (_tried(world, action) for world in (self.eager, self.compiled))
        if isinstance(refusal, CompileError) and not isinstance(error, CompileError):
            self.outcome = "wrong" if isinstance(refusal, AuditError) else "refused"
            self.why = str(refusal)
        elif type(error) is not type(refusal):
            self.outcome = "wrong" if refusal is None else "crashed"
            self.why = "".join(traceback.format_exception(refusal or error)[-6:])
            self.why = f"as it is written: {error!r}; compiled: {refusal!r}\n{self.why}"
        elif str(error) != str(refusal):
            self.outcome, self.why = "wrong", f"as it is written: {error}; compiled: {refusal}"
        else:
            if not self.exact and self.eager.amplifies():
                self.same = of_one_kind
            found = differences((one, self.eager.outcome()), (other, self.compiled.outcome()), self.same)
            if found:
                self.outcome, self.why = "wrong", "; ".join(found)
        self.error = error
        return self.outcome != "same" or error is not None

    def __str__(self):
        return f"seed {self.seed}: {self.outcome}: {self.why}\n  ({self.eager.form}; {', '.join(self.log)})"


def _tried(world, action):
    """The result and the error, with the package's generator where this world has left it."""
    mg.random.set_generator_state(world.package)
    try:
        return action(world), None
    except Exception as error:  # noqa: BLE001 - whatever it is, both are to raise it
        return None, error
    finally:
        world.package = mg.random.generator_state()


def reason(why):
    """The first line of a refusal without its numbers."""
    return re.sub(r"[0-9]+", "#", why.splitlines()[0])[:110]


def main():
    """Run it by command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no run starts after these")
    options = parser.parse_args()
    if options.backend == "jax":  # XLA's own optimization is not what is tested here, and takes a third of the time
        os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
    counts, reasons, errors, replayed = collections.Counter(), collections.Counter(), collections.Counter(), 0
    start, asked, slowest = time.monotonic(), [], (0.0, options.seed)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.append(1))
    for seed in range(options.seed, options.seed + options.runs):
        began = time.monotonic()
        if asked or began - start > options.seconds:
            print(f"stopped: go on with --seed {seed}")
            break
        run = Run(seed, options.backend).made()
        slowest = max(slowest, (time.monotonic() - began, seed))
        counts[run.outcome] += 1
        replayed += run.replayed
        if run.error is not None:
            errors[reason(repr(run.error))] += 1
        if run.outcome == "refused":
            reasons[reason(run.why)] += 1
        if run.outcome in {"wrong", "crashed"}:
            print(run, flush=True)
    print(", ".join(f"{name} {counts[name]}" for name in ("same", "refused", "wrong", "crashed")))
    print(f"{replayed} calls were replayed")
    print(f"{time.monotonic() - start:.0f} s, of which seed {slowest[1]} took {slowest[0]:.0f}")
    for text, count in reasons.most_common():
        print(f"  {count} refused: {text}")
    for text, count in errors.most_common():
        print(f"  {count} ended early, with the error that the step as it is written raises: {text}")
    raise SystemExit(bool(counts["wrong"] or counts["crashed"]))


if __name__ == "__main__":
    main()
