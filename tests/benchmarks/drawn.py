"""Workloads that nobody has tuned for, drawn by a seed: ``python -m tests.benchmarks.drawn``.

Each draw is a kind (``drawn_models.py``, ``drawn_functions.py``), and at random its layers, sizes, batch and optimizer.
It is built in minigrad, eager and compiled, and in PyTorch, eager with the fused form of the optimizer. All must agree
before anything is timed; then they take turns. The geometric means are what counts: a draw is one of many.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from . import report
from .drawn_functions import FUNCTIONS, Function, spellings
from .drawn_models import MODELS, Model, one
from .networks import EPS, training_step
from .peers import Builders, agree, built, compiled
from .timing import SUBJECTS, Bystanders, Comparison, Settings, Step, alternate, per_call

KINDS = (*MODELS, *FUNCTIONS)
PEERS = ("torch", "jax")  # JAX has part in functions alone
OPTIMIZERS: dict[str, dict[str, float]] = {
    "Adam": {"eps": EPS}, "AdamW": {"eps": EPS, "weight_decay": 0.01}, "SGD": {"momentum": 0.9},
}  # fmt: skip
CHECKED_RATE, TIMED_RATE = 1e-3, 1e-6
CALLS = 4


def draw(kind: str, seed: int) -> tuple[str, dict[str, Builders]]:
    """What was drawn, in words, and who builds it: to be ``checked``, and to be ``timed``."""
    rng = np.random.default_rng([seed, zlib.crc32(kind.encode())])
    if kind in FUNCTIONS:
        function = FUNCTIONS[kind](rng)
        return f"{kind} {seed}: {function.title}", dict.fromkeys(("checked", "timed"), _of_function(function))
    model, name = MODELS[kind](rng), one(rng, "Adam", "Adam", "AdamW", "SGD")
    forms = {"checked": _of_model(model, name, CHECKED_RATE, 0.0), "timed": _of_model(model, name, TIMED_RATE)}
    return f"{kind} {seed}: {' '.join(model.title.split())}, {name}", forms


# -- models -------------------------------------------------------------------------------------


def _of_model(model: Model, optimizer: str, lr: float, dropout: float | None = None) -> Builders:
    rate = model.dropout if dropout is None else dropout
    ours = partial(_our_model, model, optimizer, lr, rate)
    return {
        "minigrad": ours,
        "numpy": lambda: compiled(ours(), "numpy"),
        "native": lambda: compiled(ours(), "native"),
        "torch": partial(_torch_model, model, optimizer, lr, rate),
    }


def _loss(nn: Any, model: Model) -> Any:
    return nn.MSELoss() if model.labels.dtype.kind == "f" else nn.CrossEntropyLoss()


def _our_model(model: Model, name: str, lr: float, dropout: float) -> Step:
    import minigrad as mg

    mg.manual_seed(0)
    made = model.make(mg.nn, dropout)
    optimizer = getattr(mg.optim, name)(made.parameters(), lr=lr, **OPTIMIZERS[name])
    inputs = [mg.tensor(x) if x.dtype.kind == "f" else x for x in model.inputs]
    return training_step(lambda: made(*inputs), _loss(mg.nn, model), optimizer, model.labels)


def _torch_model(model: Model, name: str, lr: float, dropout: float) -> Step:
    import torch

    import minigrad as mg

    mg.manual_seed(0)
    weights = model.make(mg.nn, dropout).state_dict()
    made = model.make(torch.nn, dropout)
    # minigrad counts batches as plain ints, which torch takes as tensors
    made.load_state_dict({key: torch.from_numpy(np.array(value)) for key, value in weights.items()})
    optimizer = getattr(torch.optim, name)(made.parameters(), lr=lr, fused=True, **OPTIMIZERS[name])
    inputs = [torch.from_numpy(x) for x in model.inputs]
    return training_step(lambda: made(*inputs), _loss(torch.nn, model), optimizer, torch.from_numpy(model.labels))


# -- functions ----------------------------------------------------------------------------------


def _of_function(function: Function) -> Builders:
    def ours(backend: str = "") -> Step:
        found = _our_function(function)
        return _step(compiled(found, backend) if backend else found, function.arrays)

    return {
        "minigrad": ours,
        "numpy": partial(ours, "numpy"),
        "native": partial(ours, "native"),
        "torch": partial(_torch_function, function),
        "jax": partial(_jax_function, function),
    }


def _step(answer: Callable[..., Any], arrays: Sequence[Any]) -> Step:
    """A step that returns a number to show, and all to compare."""

    def step() -> Any:
        found = answer(*arrays)
        parts = (found[0], *found[1]) if isinstance(found, tuple) else (found,)
        return parts[0].reshape(-1)[0], *parts

    return step


def _our_function(function: Function) -> Callable[..., Any]:
    import minigrad as mg

    f = partial(function.f, spellings("minigrad"))
    if function.asked == "gradient":
        return mg.value_and_grad(f, tuple(range(function.count)))
    if function.asked == "jacobian":
        return mg.jacobian(f)
    return lambda x, *rest: mg.hvp(lambda x: f(x, *rest[:-1]), x, rest[-1])


def _torch_function(function: Function) -> Step:
    import torch

    f, arrays = partial(function.f, spellings("torch")), [torch.tensor(x) for x in function.arrays]
    if function.asked == "jacobian":
        return _step(torch.func.jacrev(f), arrays)
    leaves = [x.requires_grad_() for x in arrays[: function.count]]

    def answer(*arrays: Any) -> Any:
        if function.asked == "gradient":
            value = f(*arrays)
            return value.detach(), torch.autograd.grad(value, leaves)
        (slope,) = torch.autograd.grad(f(*arrays[:-1]), leaves, create_graph=True)
        return torch.autograd.grad(slope, leaves, arrays[-1])[0]

    return _step(answer, arrays)


def _jax_function(function: Function) -> Step:
    import jax

    jax.config.update("jax_enable_x64", True)
    f, count = partial(function.f, spellings("jax")), function.count
    if function.asked == "gradient":
        asked: Callable[..., Any] = jax.value_and_grad(f, tuple(range(count)))
    elif function.asked == "jacobian":
        asked = jax.jacrev(f)
    else:

        def asked(x: Any, *rest: Any) -> Any:
            return jax.jvp(jax.grad(lambda x: f(x, *rest[:-1])), (x,), (rest[-1],))[1]

    run = jax.jit(asked)
    return _step(lambda *arrays: jax.block_until_ready(run(*arrays)), function.arrays)


# -- measuring ----------------------------------------------------------------------------------


def checked(kind: str, seed: int, names: Sequence[str]) -> tuple[str, Builders, dict[str, list[float]]]:
    """A draw whose builders of these names agree: its title, those to be timed, and the values they agreed on."""
    title, forms = draw(kind, seed)
    steps, _ = built({name: build for name, build in forms["checked"].items() if name in names})
    try:
        values = agree(steps, CALLS, 1e-3 if kind in MODELS else 1e-6)
    except Exception as error:
        error.add_note(f"in {title}")
        raise
    return title, {name: forms["timed"][name] for name in steps}, values


def compared(
    kind: str, seed: int, names: Sequence[str], settings: Settings, clock: Callable[[], float] = perf_counter
) -> Comparison:
    """One draw, measured."""
    title, builders, values = checked(kind, seed, names)
    bystanders = Bystanders()
    steps, _ = built(builders)
    for step in steps.values():  # a program is compared with the step as it is written at its calls 2, 4, 8 and 16
        for _ in range(20):
            step()
    samples = alternate(
        {name: per_call(step, settings.seconds, clock) for name, step in steps.items()}, settings.rounds
    )
    subjects = tuple([name for name in SUBJECTS if name in samples])
    return Comparison(title, samples, subjects, losses=values, busy=bystanders.cores())


def best_ratio(c: Comparison, subject: str) -> float:
    """The subject's time by that of the fastest peer."""
    return max([c.ratio(subject, peer)[0] for peer in PEERS if peer in c.samples], default=float("nan"))


def means(comparisons: dict[str, list[Comparison]]) -> list[list[str]]:
    """A header, a row per kind, one for all: draws, and each subject's geometric mean by the best peer, and worst."""
    pooled = {**comparisons, "all": [c for found in comparisons.values() for c in found]}
    subjects = [name for name in SUBJECTS if any(name in c.samples for c in pooled["all"])]
    table = [["kind", "draws", *(f"{name}{what}" for name in subjects for what in ("", ", worst"))]]
    for kind, found in pooled.items():
        row = [kind, str(len(found))]
        for subject in subjects:
            ratios = [best_ratio(c, subject) for c in found if subject in c.samples]
            row += [f"{np.exp(np.mean(np.log(ratios))):.2f}", f"{max(ratios):.2f}"] if ratios else ["", ""]
        table.append(row)
    return table


def as_markdown(table: list[list[str]]) -> str:
    """A table whose columns of figures stand to the right."""
    header, *body = table
    rows = (header, ["---", *["--:"] * (len(header) - 1)], *body)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw, measure, print; returns 0."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.drawn", description=(__doc__ or "").split("\n")[0]
    )
    add = parser.add_argument
    add("--seed", type=int, default=0, help="the first draw of each kind, default %(default)s")
    add("--draws", type=int, default=2, help="of each kind, default %(default)s")
    add("--kind", action="append", choices=KINDS, help="only this one; may be repeated")
    add("--subject", action="append", choices=SUBJECTS, help="only this form of minigrad; may be repeated")
    add("--peer", action="append", choices=PEERS, help="only this one; may be repeated; default: all")
    add("--rounds", type=int, default=7, help="default %(default)s")
    add("--seconds", type=float, default=0.1, help="per measurement, default %(default)s")
    add("--busy", action="store_true", help="take the processor's time of this process, whatever else the machine does")
    add("--json", type=Path, metavar="FILE", help="write every sample there")
    options = parser.parse_args(arguments)
    if options.draws < 1 or options.rounds < 1 or options.seconds <= 0:
        parser.error("--draws and --rounds are at least 1 and --seconds above 0")
    warnings.filterwarnings("ignore", message="Support for mismatched src_key_padding_mask|enable_nested_tensor")
    names, settings = (
        [*(options.subject or SUBJECTS), *(options.peer or PEERS)],
        Settings(options.rounds, options.seconds),
    )
    found: dict[str, list[Comparison]] = {}
    for kind in options.kind or KINDS:
        for seed in range(options.seed, options.seed + options.draws):
            c = compared(kind, seed, names, settings, process_time if options.busy else perf_counter)
            found.setdefault(kind, []).append(c)
            times = ", ".join(f"{name} {np.median(times) * 1e6:,.0f}" for name, times in c.samples.items())
            ratios = ", ".join(f"{best_ratio(c, name):.2f}" for name in c.subjects)
            print(f"{c.title}: {ratios} ({times} µs)", file=sys.stderr, flush=True)
    print(report.heading(), as_markdown(means(found)), sep="\n\n")
    if options.json:
        results = {"environment": report.environment(), "means": means(found)}
        results["draws"] = [{"kind": kind, **report.as_dict(c)} for kind, cs in found.items() for c in cs]
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
