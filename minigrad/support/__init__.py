"""Tools without tensors that several rooms share: Python, and what errors say."""
