"""Random numbers of a step: each source is drawn from in each replay, or refused."""

import numpy as np

from tests.compiler.refusing import refused


def test_random_numbers():
    generator = np.random.default_rng(0)
    refused(lambda x: x * generator.random(out=np.empty(3)), "random numbers are drawn")
    refused(lambda x: x * np.float32(np.random.random()), "random numbers are drawn", calls=1)
