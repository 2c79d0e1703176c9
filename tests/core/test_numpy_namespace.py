"""Every function of NumPy's namespaces differentiates, answers plainly, or refuses by name."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.numpy_protocol import FUNCTIONS
from minigrad.core.table import numpy_functions, path_of
from minigrad.errors import GraphError, MinigradError, UnsupportedError

#: Functions of shapes, numbers, text, files and settings: an array of data is no argument of theirs. The last are
#: going away.
NOT_OF_ARRAYS = """
arange bartlett base_repr binary_repr blackman broadcast_shapes busday_count busday_offset datetime_as_string
datetime_data diag_indices empty eye fft.fftfreq fft.rfftfreq fft.test format_float_positional format_float_scientific
from_dlpack frombuffer fromfile fromfunction fromiter frompyfunc fromregex fromstring full genfromtxt geomspace
get_include get_printoptions getbufsize geterr geterrcall hamming hanning identity indices info is_busday isdtype
isfortran isscalar issubdtype iterable kaiser linalg.test linspace load loadtxt logspace mask_indices mintypecode
nested_iters ones printoptions promote_types set_printoptions setbufsize seterr seterrcall show_config show_runtime
test tri tril_indices triu_indices typename zeros
bmat in1d row_stack trapz
apply_over_axes copyto fill_diagonal histogram histogram2d histogramdd piecewise place polyfit put put_along_axis
putmask
"""

#: What arguments of the wrong kind or number raise.
MISUNDERSTOOD = (TypeError, ValueError, IndexError, AttributeError, MinigradError, np.linalg.LinAlgError)


def functions():
    spaces = ((np, ""), (np.linalg, "linalg."), (np.fft, "fft."))
    public = [(p + n, getattr(module, n)) for module, p in spaces for n in dir(module) if not n.startswith("_")]
    others = NOT_OF_ARRAYS.split()
    return [
        pytest.param(f, id=name)
        for name, f in public
        if callable(f) and not isinstance(f, type) and name not in others and not _is_of_nnfs(f)
    ]  # fmt: skip


def _is_of_nnfs(f):
    """Whether nnfs.init() put a function of its own in its place."""
    return getattr(f, "__module__", "") == "nnfs.core"


def calls():
    """Arguments of many kinds, so that each function finds some that it understands."""
    x = mg.tensor([[2.0, 1.0], [1.0, 3.0]], dtype=float, requires_grad=True)
    v = mg.tensor([1.0, 2.0, 3.0], dtype=float, requires_grad=True)
    i, mask = np.array([0, 1]), np.array([[True, False], [True, True]])
    return [
        (x,), (v,), (x, x), (v, v), (x, 0), (v, 1), (x, 0, 1), (v, 0, 1), (i, x), (v, v, v), (x, [i, i], [v]),
        ([x, x],), ("ij->ji", x), ("ij->ji", x, x), (x, (1, 2)), (x, 0, x), (mask, x), ([mask], [x]),
        (i, [x[0], x[1]]), (x, mask, 1.0), (lambda a: a, 0, x), (lambda a: a, x, [0]), (x, [mask], [1.0]),
        (x, i[None], x[:1], 0), (x, i[None], 0), (x, (4,)), (x, (1, 2, 2)), (x[None], 2), (x[None],), (i, v[:2]),
    ]  # fmt: skip


def holds(value, kind):
    return isinstance(value, kind) or (isinstance(value, (tuple, list)) and any(holds(part, kind) for part in value))


def known(function):
    """Whether tensors answer it: the table has the function itself, or its path."""
    return function in numpy_functions or path_of(function) in numpy_functions


def outcome(function):
    """What the function made of the first arguments that it understood: a result, or its refusal."""
    for arguments in calls():
        try:
            return function(*arguments)
        except (UnsupportedError, GraphError) as refusal:
            if not known(function):  # else it is of these arguments
                return refusal
        except MISUNDERSTOOD:
            pass
    pytest.fail("no arguments were understood: add some to calls()")


@pytest.mark.parametrize("function", functions())
@pytest.mark.filterwarnings("ignore")
def test_a_tensor_is_never_detached_in_silence(function):
    result = outcome(function)
    if isinstance(result, Exception):
        name = path_of(function).rpartition(".")[2]
        assert name in str(result) or "into an array would lose the gradient" in str(result)
    elif holds(result, mg.Tensor):
        assert known(function)
    else:
        assert function in FUNCTIONS or function is np.where, f"gave {result!r:.80} in silence"
        assert not isinstance(result, np.ndarray) or result.dtype.kind != "O"


def test_what_the_readme_says_of_numpys_functions():
    differentiable = {f for f in (param.values[0] for param in functions()) if known(f)}
    assert len(differentiable) > 200
    x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    assert type(np.isnan(x)) is type(np.argsort(x)) is np.ndarray
    with pytest.raises(UnsupportedError, match="unique"):
        np.unique(x)
