"""One node for a function that is run again: several results, and what leads on to its parents."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.transforms.run_again import RunAgain


class Twice(RunAgain):
    """x -> (2 x, 3 x), as one node."""

    def all_gradients(self, g):
        """Of the packed results."""
        return [2 * g[:2] + 3 * g[2:]]


def test_several_results_are_parts_of_one_node():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    block = Twice("twice")
    block.start_from([x._node])
    results = [mg.tensor(x.data * k) for k in (2, 3)]
    one, other = block.nodes(results)
    assert one.edges[0][0] is other.edges[0][0]
    z = [mg.core.tensor.wrap(r._array, n) for r, n in zip(results, (one, other), strict=True)]
    (z[0].sum() + 10 * z[1].sum()).backward()
    np.testing.assert_array_equal(x.grad, [32, 32])
    block.lead_through({x._node: one})
    assert block.behind == [one]
    with pytest.raises(NotImplementedError):
        RunAgain("f").all_gradients(None)
