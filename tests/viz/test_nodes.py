"""What nodes tell: the values that the graph has kept, names, lines."""

import numpy as np

import minigrad as mg
from minigrad.viz.nodes import kept_values, labels, line_of, nodes_below


def test_values_are_those_that_formulas_kept():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    h = mg.exp(x)
    loss = (h * h).sum()
    values = kept_values(nodes_below(loss._node))
    np.testing.assert_array_equal(values[h._node], h.data)
    assert loss._node not in values
    assert x._node not in values  # exp asks for its output alone


def test_a_leaf_that_was_written_since_has_no_value_of_then():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    loss = (x * x).sum()
    assert x._node in kept_values(nodes_below(loss._node))
    x.data = x.data + 1
    assert x._node not in kept_values(nodes_below(loss._node))


def test_names_are_numbered_in_the_order_in_which_they_were_made():
    x = mg.tensor(1.0, requires_grad=True)
    loss = mg.exp(mg.exp(x)) * x
    nodes = nodes_below(loss._node)
    assert [labels(nodes, {x._node: "w"})[node] for node in nodes] == ["w", "exp 1", "exp 2", "multiply"]


def test_lines_are_known_under_detect_anomaly():
    x = mg.tensor(1.0, requires_grad=True)
    assert line_of(mg.exp(x)._node) == ""
    with mg.detect_anomaly():
        assert line_of(mg.exp(x)._node).startswith("test_nodes.py:")
