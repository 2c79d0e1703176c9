"""Tracing: one run of a step, as it is written, on arrays that write down what is done to them."""
