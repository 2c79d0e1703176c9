"""Rates before a program's arithmetic, and counts after it: only where nothing in between can change them."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.optim import schedules


class Own(optim.SGD):
    def rates(self, group):
        return super().rates(group) * 0.5


def weights():
    return [mg.tensor(np.ones(9, "float32"), requires_grad=True)]


@pytest.mark.native
@pytest.mark.parametrize("of", [optim.SGD, Own])
@pytest.mark.parametrize("lr", [0.1, schedules.linear_warmup(0.1, steps=5), lambda step: 0.1 / (step + 1)])
def test_a_step_that_is_left_out_keeps_the_rate_of_the_one_before(of, lr):
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
    made = []
    for compiles in (False, True):
        w = weights()
        optimizer = of(w, lr=lr, decay=0.1, skip_nonfinite=True)

        def step(x, w=w, optimizer=optimizer):
            loss = (w[0] * x).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        run = mg.compile(step, backend="native") if compiles else step
        rates = []
        for k in range(9):
            run(mg.tensor(np.full(9, np.nan if k in (5, 6) else k, "float32")))
            rates.append((optimizer.current_lr, optimizer.iterations, optimizer.skipped))
        made.append((rates, w[0].data.copy()))
    assert made[0][0] == made[1][0]
    np.testing.assert_allclose(made[0][1], made[1][1], rtol=1e-6)


@pytest.mark.native
@pytest.mark.parametrize("of", [optim.SGD, optim.Adam])
def test_an_optimizer_whose_weights_are_all_frozen_counts_its_steps(of):
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
    made = []
    for compiles in (False, True):
        w, frozen = weights() + weights()
        optimizers = [of([w], lr=0.1, decay=0.1), of([frozen], lr=0.1, decay=0.1)]
        frozen.requires_grad = False

        def step(w=w, frozen=frozen, optimizers=optimizers):
            loss = (w * w * frozen).sum()
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
            return loss

        run = mg.compile(step, backend="native") if compiles else step
        losses = [run().item() for _ in range(5)]
        losses += [x.item() for x in run.repeat(4)] if compiles else [run().item() for _ in range(4)]
        made.append((losses, [(x.iterations, x.current_lr) for x in optimizers]))
    np.testing.assert_allclose(made[0][0], made[1][0], rtol=1e-5)
    assert made[0][1] == made[1][1]
