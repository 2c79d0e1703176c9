"""SciPy in its array API mode, which is chosen before its import: functions that differentiate."""

import os
import subprocess
import sys

import pytest

CODE = """
import numpy as np, scipy, minigrad as mg
from scipy import fft, integrate, signal, special, stats

def first(z):
    return z[0] if isinstance(z, tuple) else z

r = np.random.default_rng(0)
v, w, m = r.random(8) + 0.1, r.random(8) + 0.2, r.random((3, 4)) + 0.1
q = np.clip(v, 0.1, 0.9) * np.linspace(0.9, 1, 8)
CASES = {
    "special": [(getattr(special, n), q) for n in
        "erf erfc expit gammaln i0e i1 log_ndtr logit ndtri digamma entr erfinv exp1 loggamma k1e spence".split()],
    "special of two": [(special.betaln, q, w), (special.xlogy, q, w), (special.logsumexp, m), (special.softmax, m)],
    "fft": [(getattr(fft, n), m) for n in "fft rfft irfft hfft fft2 ifftn fftshift".split()]
        + [(lambda x: fft.fht(x, 0.1, 0.5), v)],
    "signal": [(signal.fftconvolve, v, w), (signal.oaconvolve, v, w), (signal.hilbert, v), (signal.envelope, v),
        (lambda x: signal.resample(x, 5), v), (lambda b: first(signal.freqz(b)[1:]), v)],
    "stats": [(getattr(stats, n), v) for n in
        "gmean hmean skew kurtosis zscore sem gzscore circmean circvar kstat differential_entropy iqr lmoment".split()]
        + [(stats.false_discovery_control, q), (lambda x, y: stats.ttest_ind(x, y).pvalue, v, w),
           (lambda x: stats.jarque_bera(x).statistic, v), (lambda p: stats.combine_pvalues(p)[1], q)],
    "integrate": [(integrate.trapezoid, v), (integrate.cumulative_simpson, v), (integrate.romb, np.append(v, 0.3)),
        (lambda a: integrate.cubature(lambda x: x[:, 0] ** 2, a[:1] * 0, a[:1]).estimate, v)],
}
for kind, calls in CASES.items():
    for f, *args in calls:
        xs = [mg.tensor(a, requires_grad=True) for a in args]
        z, want = first(f(*xs)), first(f(*args))
        assert type(z) is mg.Tensor and z.requires_grad, (kind, f)
        np.testing.assert_allclose(z.data, want, rtol=1e-9, err_msg=str((kind, f)))
        weights = r.standard_normal(z.shape)
        loss = lambda z: (np.real(z) * weights + (np.imag(z) * weights if z.dtype.kind == "c" else 0)).sum()
        for i, g in enumerate(mg.autograd.grad(loss(z), xs)):
            u = r.standard_normal(args[i].shape)
            ends = [loss(np.asarray(first(f(*args[:i], args[i] + s * u, *args[i + 1:])))) for s in (1e-5, -1e-5)]
            slope = (ends[0] - ends[1]) / 2e-5
            assert abs((g.data * u).sum() - slope) < 1e-5 * (1 + abs(slope)), (kind, f, i)
ranks = stats.rankdata(mg.tensor(v, requires_grad=True))
assert type(ranks) is mg.Tensor and not ranks.requires_grad
for f in (fft.dct, lambda x: signal.lfilter(mg.tensor([1.0]), mg.tensor([1.0]), x), special.struve):
    try:
        f(mg.tensor(v, requires_grad=True), *([0.5] if f is special.struve else []))
    except (mg.errors.GraphError, TypeError):
        continue
    raise AssertionError(f)
"""


def test_functions_written_by_the_standard_differentiate():
    scipy = pytest.importorskip("scipy")
    if tuple(map(int, scipy.__version__.split(".")[:2])) < (1, 17):
        pytest.skip("SciPy 1.17 is the first in which most of these are written by the standard")
    environment = {**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONWARNINGS": "ignore"}
    run = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
