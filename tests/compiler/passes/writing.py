"""Programs written by hand, call by call, for tests of single passes."""

import numpy as np

from minigrad.compiler.program import ARGUMENT, CAPTURE, RESULT, Call, Host, Out, Program, Value


class Writer:
    """Writes a program as a recording would: each call is run on the samples of its values."""

    def __init__(self):
        self.program = Program()
        self.samples = {}

    def _value(self, kind, sample, origin=None):
        value = self.program.new(kind, sample, origin)
        self.samples[value] = sample
        return value

    def argument(self, array):
        return self._value(ARGUMENT, array, len(self.program.of_kind(ARGUMENT)))

    def capture(self, array, name=""):
        value = self._value(CAPTURE, array, array)
        value.name = name
        return value

    def call(self, function, *args, writes=(), **kwargs):
        """The result of a NumPy function; of one that only writes, None."""
        real = [self.samples.get(x, x) if isinstance(x, Value) else x for x in args]
        named = {key: self.samples.get(x, x) if isinstance(x, Value) else x for key, x in kwargs.items()}
        if isinstance(function, str):
            sample = getattr(real[0], function[1:])(*real[1:], **named)
        else:
            sample = function(*real, **named)
        call = Call(function, args, kwargs, [], list(writes))
        self.program.calls.append(call)
        if writes:
            return None
        result = self._value(RESULT, sample)
        for x in [*args, *kwargs.values()]:
            if isinstance(x, Value) and isinstance(sample, np.ndarray) and np.may_share_memory(sample, self.samples[x]):
                result.root = x.root
        call.results.append(result)
        return result

    def host(self, kind, *args, **options):
        self.program.calls.append(Call(Host(kind, **options), args, {}, [], []))

    def returns(self, *values):
        self.program.outputs = tuple([Out(False, value) for value in values])
        return self.program
