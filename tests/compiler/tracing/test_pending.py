"""Recordings that wait for a second one like them."""

from tests.compiler.refusing import refused


def test_a_name_that_changes_in_every_call():
    count = ""

    def step(x):
        nonlocal count
        count += "a"
        return x * 2

    refused(step, "changes count", calls=20)
