"""What is the same for all families: SciPy's values, gradients in x and in every parameter, supports, arguments."""

import numpy as np
import pytest
from scipy import stats

import minigrad as mg
from minigrad.errors import DTypeError, GraphError, UnsupportedError
from minigrad.testing import check_gradients

FAMILIES = mg.stats.FAMILIES
DISCRETE = [name for name in FAMILIES if hasattr(getattr(stats, name), "pmf")]
CONTINUOUS = [name for name in FAMILIES if name not in DISCRETE]
SHARES = np.array([1e-9, 1e-5, 0.01, 0.2, 0.5, 0.7, 0.95, 1 - 1e-7])
#: Where SciPy's own value has lost digits, or underflows; tests/distributions/test_shares.py has mpmath's.
LOST = {("skewnorm", name) for name in ("cdf", "sf", "logcdf", "logsf", "ppf", "isf")}
LOST |= {("halfnorm", "logsf"), ("truncnorm", "logsf"), ("f", "isf"), ("halfcauchy", "ppf"), ("fisk", "ppf")}


def shapes_of(name):
    return list(FAMILIES[name].shapes.values())


def points(name):
    """Places all over the support, outside of it, at its ends, and NaN."""
    theirs = getattr(stats, name)(*shapes_of(name))
    x = theirs.ppf(SHARES)
    ends = [end for end in theirs.support() if np.isfinite(end)]
    return np.array([*x, *x[:3] + 0.5, x.min() - 3, x.max() + 3, *ends, np.nan])


def compared(name, method, x, **options):
    f, theirs = FAMILIES[name], getattr(stats, name)
    got = getattr(f, method)(x, *shapes_of(name), **options)
    with np.errstate(all="ignore"):
        want = getattr(theirs, method)(x, *shapes_of(name), **options)
    if (name, method) in LOST:
        np.testing.assert_allclose(got, want, rtol=1e-3)
        return
    beyond = np.isinf(want) & ~np.isinf(got)  # SciPy's share has underflowed
    assert (np.abs(got[beyond]) > 700).all()
    np.testing.assert_allclose(np.where(beyond, 0, got), np.where(beyond, 0, want), rtol=2e-10, atol=1e-15)


@pytest.mark.parametrize("name", FAMILIES)
def test_values_are_scipys(name):
    density = ("logpmf", "pmf") if name in DISCRETE else ("logpdf", "pdf")
    options = {"loc": 2.0} if name in DISCRETE else {"loc": 2.0, "scale": 1.5}
    for method in (*density, "cdf", "sf", "logcdf", "logsf"):
        compared(name, method, points(name))
        compared(name, method, points(name) * options.get("scale", 1) + 2, **options)
    for method in ("ppf", "isf"):
        compared(name, method, np.array([*SHARES, 0, 1, -1, 2, np.nan]), **options)


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.parametrize("method", ["logpdf", "pdf", "cdf", "logcdf", "sf", "logsf", "ppf", "isf"])
def test_gradients_in_x_and_every_parameter(name, method):
    q = np.array([0.02, 0.3, 0.6, 0.97])
    x = q if method in ("ppf", "isf") else getattr(stats, name)(*shapes_of(name)).ppf(q) * 1.5 + 0.3
    f = getattr(FAMILIES[name], method)
    check_gradients(lambda x, *parameters: f(x, *parameters), x, *shapes_of(name), 0.3, 1.5, order=2)


@pytest.mark.parametrize("name", DISCRETE)
@pytest.mark.parametrize("method", ["logpmf", "cdf", "logcdf", "sf", "logsf"])
def test_gradients_in_the_parameters_of_whole_numbers(name, method):
    k = np.zeros(3) if name == "bernoulli" else np.array([1.0, 2.0, 4.0])
    f = getattr(FAMILIES[name], method)
    if name == "binom":
        check_gradients(lambda p: f(k, 5, p), np.array([0.1, 0.4, 0.9]), order=2)
    else:
        check_gradients(lambda *shapes: f(k, *shapes), *[np.full(3, shape) for shape in shapes_of(name)], order=2)


@pytest.mark.parametrize("name", FAMILIES)
def test_outside_of_the_support_the_gradient_is_0(name):
    density = "logpmf" if name in DISCRETE else "logpdf"
    f = FAMILIES[name]
    low, high = getattr(stats, name)(*shapes_of(name)).support()
    outside = [end for end in (low - 3, high + 3) if np.isfinite(end)] + ([1.5] if name in DISCRETE else [])
    for x in outside:
        assert getattr(f, density)(x, *shapes_of(name)) == -np.inf
        names = tuple(range(len(shapes_of(name)) + (name not in DISCRETE)))
        given = shapes_of(name) if name in DISCRETE else [x, *shapes_of(name)]
        call = (lambda *s, x=x: getattr(f, density)(x, *s)) if name in DISCRETE else getattr(f, density)
        assert (np.array(mg.grad(call, argnums=names)(*given)) == 0).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_parameters_out_of_range_are_nan(name):
    f, density = FAMILIES[name], "logpmf" if name in DISCRETE else "logpdf"
    shapes = shapes_of(name)
    for number in range(len(shapes)):
        wrong = [*shapes]
        wrong[number] = (
            np.nan
            if name == "skewnorm"
            else 9.0
            if number == 0 and len(shapes) == 2 and name in ("truncnorm", "loguniform")
            else -9.0
        )
        if name in ("truncnorm", "loguniform") and number == 1:
            wrong[1] = -9.0
        for method in (density, "cdf", "logsf", "ppf"):
            assert np.isnan(getattr(f, method)(0.5, *wrong))
    if name not in DISCRETE:
        for method in ("logpdf", "cdf", "logsf", "ppf"):
            assert np.isnan(getattr(f, method)(0.5, *shapes, scale=-1.0))
            assert np.isnan(getattr(f, method)(0.5, *shapes, scale=0.0))


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.slow
def test_compiled(name):
    f, density = FAMILIES[name], "logpmf" if name in DISCRETE else "logpdf"
    first = 1.0 if name in DISCRETE else getattr(stats, name)(*shapes_of(name)).ppf([0.3, 0.6])

    def total(loc, x):
        z = getattr(f, density)(x, *shapes_of(name), loc=loc) + f.logcdf(x, *shapes_of(name), loc=loc)
        return z.sum()

    step = mg.compile(mg.grad(total) if name not in DISCRETE else total, backend="numpy")
    for k in range(4):
        given = np.array(0.01 * k if name not in DISCRETE else 0.0), first + np.zeros(2) + 0.001 * k
        plain = mg.grad(total)(*given) if name not in DISCRETE else total(*given)
        np.testing.assert_allclose(step(*given), plain, rtol=1e-12)
    assert step.stats()["replayed"] > 0


@pytest.mark.parametrize("name", CONTINUOUS)
def test_samples_have_the_distribution_and_gradients_to_the_parameters(name):
    f, shapes = FAMILIES[name], shapes_of(name)

    def sample(*parameters):
        return f.rvs(*parameters, size=(400,), random_state=np.random.default_rng(1))

    x = sample(*shapes, 0.3, 1.5)
    theirs = getattr(stats, name)(*shapes, loc=0.3, scale=1.5)
    assert stats.kstest(x, theirs.cdf).pvalue > 1e-3
    # The share below a sample stays as it is while parameters move: that is implicit reparameterisation.
    for number in range(len(shapes) + 2):
        given = [*shapes, 0.3, 1.5]
        moved = mg.jacobian(lambda p, n=number, given=given: sample(*given[:n], p, *given[n + 1 :]))(given[number])
        with np.errstate(all="ignore"):
            slope = mg.jacobian(lambda p, n=number, given=given: f.cdf(x, *given[:n], p, *given[n + 1 :]))(
                given[number]
            )
        inner = (x > np.quantile(x, 0.02)) & (x < np.quantile(x, 0.98))
        np.testing.assert_allclose(moved[inner], (-slope / f.pdf(x, *given))[inner], rtol=1e-6, atol=1e-9)


def test_samples_of_whole_numbers():
    for name in DISCRETE:
        x = FAMILIES[name].rvs(*shapes_of(name), size=2000, random_state=np.random.default_rng(2))
        theirs = getattr(stats, name)(*shapes_of(name))
        np.testing.assert_allclose(x.mean(), theirs.mean(), atol=5 * theirs.std() / 2000**0.5)
        assert (np.floor(x) == x).all()
    with pytest.raises(GraphError, match="whole numbers, which have no gradient"):
        mg.stats.poisson.rvs(mg.tensor(2.0, requires_grad=True))


def test_shapes_of_samples():
    rng = np.random.default_rng(0)
    assert mg.stats.norm.rvs(random_state=rng).shape == ()
    assert mg.stats.gamma.rvs(np.ones(3), random_state=rng).shape == (3,)
    assert mg.stats.gamma.rvs(np.ones(3), scale=np.ones((2, 1)), size=(4, 2, 3), random_state=rng).shape == (4, 2, 3)
    one, other = (mg.stats.norm.rvs(size=3, random_state=np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="size ends in that shape"):
        mg.stats.norm.rvs(np.zeros(3), size=2)
    with pytest.raises(mg.errors.HyperparameterError, match="default_rng"):
        mg.stats.norm.rvs(random_state=3)


def test_arguments():
    x = np.array([0.5, 1.5])
    np.testing.assert_array_equal(
        mg.stats.gamma.logpdf(x, 2.0, 0.1, 3.0), mg.stats.gamma.logpdf(x, scale=3.0, loc=0.1, a=2.0)
    )
    assert type(mg.stats.norm.logpdf(0.5)) is np.float64
    assert mg.stats.norm.logpdf([0.5, 1]).dtype == np.float64
    assert mg.stats.norm.logpdf(np.arange(3)).dtype == np.float64
    t = mg.tensor([0.5, 1.0], requires_grad=True)
    z = mg.stats.gamma.logpdf(np.array([1, 2]), t)
    z.sum().backward()
    assert z.dtype == t.grad.dtype == np.float32
    assert mg.stats.norm.logpdf([t[0], 1.0]).requires_grad
    for call, text in (
        (lambda: mg.stats.norm.logpdf(1.0, 2.0, 3.0, 4.0), "takes the parameters loc, scale: got 3"),
        (lambda: mg.stats.gamma.logpdf(1.0), "a is missing"),
        (lambda: mg.stats.norm.cdf(1.0, sigma=2.0), "sigma is no other"),
        (lambda: mg.stats.norm.cdf(1.0, 2.0, loc=2.0), "loc is no other"),
        (lambda: mg.stats.poisson.pmf(1.0, 2.0, scale=2.0), "scale is no other"),
    ):
        with pytest.raises(TypeError, match=text):
            call()
    with pytest.raises(UnsupportedError, match=r"write poisson\.logpmf"):
        mg.stats.poisson.logpdf(1.0, 2.0)
    with pytest.raises(UnsupportedError, match=r"write norm\.logpdf"):
        mg.stats.norm.pmf(1.0)
    with pytest.raises(DTypeError, match="of real numbers"):
        mg.stats.norm.logpdf(1j)


def test_each_family_has_its_name():
    assert len(FAMILIES) >= 30
    for name, family in FAMILIES.items():
        assert getattr(mg.stats, name) is family
        assert hasattr(stats, name)
        names = [p for p in (getattr(stats, name).shapes or "").split(", ") if p]
        assert list(family.shapes) == names


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.parametrize("method", ["cdf", "sf", "logcdf", "logsf"])
def test_the_gradient_at_the_median_agrees_with_its_neighbours(name, method):
    f, shapes = getattr(FAMILIES[name], method), shapes_of(name)
    slope = mg.grad(lambda x: f(x, *shapes))
    x = float(getattr(stats, name)(*shapes).median())
    np.testing.assert_allclose(slope(x), (slope(x - 1e-6) + slope(x + 1e-6)) / 2, rtol=1e-5)


ENDS = {
    "poisson": [(0.0,), (1e-9,)],
    "binom": [(0.0, 0.4), (5.0, 0.0), (5.0, 1.0), (0.0, 1.0)],
    "bernoulli": [(0.0,), (1.0,)],
    "nbinom": [(2.0, 1.0), (1e-3, 0.5)],
}


@pytest.mark.parametrize(("name", "given"), [(name, given) for name, ends in ENDS.items() for given in ends])
def test_whole_numbers_at_the_ends_of_the_parameters(name, given):
    f, theirs = FAMILIES[name], getattr(stats, name)
    for q in (0.0, 1e-3, 0.5, 0.9, 1.0):
        assert f.ppf(q, *given) == theirs.ppf(q, *given)
        assert f.isf(q, *given) == theirs.isf(q, *given)
    assert np.isfinite(f.rvs(*given, size=20, random_state=np.random.default_rng(0))).all()


def test_whole_numbers_above_which_a_share_is_tiny():
    for name in DISCRETE:
        k = FAMILIES[name].isf(1e-20, *shapes_of(name))
        assert np.isfinite(k)
        assert FAMILIES[name].sf(k, *shapes_of(name)) <= 1e-20
    assert mg.stats.poisson.isf(1e-20, 3.0) == 30  # the shares above 29 and 30 are 4.3e-20 and 4.1e-21
    assert type(mg.stats.poisson.ppf(0.5, 3.0)) is np.float64


@pytest.mark.parametrize("name", ["chi", "fisk"])
def test_the_density_at_0_is_closed(name):
    for shape in (1.0, 2.0, 30.0):
        np.testing.assert_allclose(getattr(mg.stats, name).pdf(0.0, shape), getattr(stats, name).pdf(0.0, shape))


def test_samples_of_narrow_dtypes_are_finite():
    for dtype in (np.float16, np.float32):
        x = mg.stats.expon.rvs(np.zeros((), dtype), size=np.int64(40000), random_state=np.random.default_rng(0))
        assert x.dtype == dtype
        assert np.isfinite(x).all()


@pytest.mark.parametrize("size", [np.int64(3), np.array([3]), [3], (3,)])
def test_sizes_of_numpys_kinds(size):
    assert mg.stats.norm.rvs(size=size, random_state=np.random.default_rng(0)).shape == (3,)
    with pytest.raises(TypeError):
        mg.stats.norm.rvs(size=3.5)
    assert mg.stats.norm.rvs(size=(), random_state=np.random.default_rng(0)).shape == ()


#: Probabilities of 0 with shapes at the end of their range, and the first two derivatives with respect to the shape.
SLOPES = {
    "binom, one": (lambda p: mg.stats.binom.pmf(1, 5, p), 0.0, 5, -40),
    "binom, two": (lambda p: mg.stats.binom.pmf(2, 5, p), 0.0, 0, 20),
    "binom, three": (lambda p: mg.stats.binom.pmf(3, 5, p), 0.0, 0, 0),
    "binom, none": (lambda p: mg.stats.binom.pmf(0, 5, p), 0.0, -5, 20),
    "binom, all but one": (lambda p: mg.stats.binom.pmf(4, 5, p), 1.0, -5, -40),
    "binom, all": (lambda p: mg.stats.binom.pmf(5, 5, p), 1.0, 5, 20),
    "binom, more": (lambda p: mg.stats.binom.pmf(6, 5, p), 0.0, 0, 0),
    "binom, many": (lambda p: mg.stats.binom.pmf(2000, 4000, p), 0.0, 0, 0),
    "bernoulli": (lambda p: mg.stats.bernoulli.pmf(1, p), 0.0, 1, 0),
    "bernoulli at 1": (lambda p: mg.stats.bernoulli.pmf(0, p), 1.0, -1, 0),
    "poisson, one": (lambda mu: mg.stats.poisson.pmf(1, mu), 0.0, 1, -2),
    "poisson, two": (lambda mu: mg.stats.poisson.pmf(2, mu), 0.0, 0, 1),
    "geom": (lambda p: mg.stats.geom.pmf(2, p), 1.0, -1, -2),
    "nbinom": (lambda p: mg.stats.nbinom.pmf(1, 3, p), 1.0, -3, -18),
}  # fmt: skip


@pytest.mark.parametrize("name", SLOPES)
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_a_probability_of_0_has_its_slope(name):
    f, at, first, second = SLOPES[name]
    np.testing.assert_allclose(mg.grad(f)(at), first, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(mg.grad(mg.grad(f))(at), second, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(mg.vmap(mg.grad(f))(np.array([at, 0.5])), [first, mg.grad(f)(0.5)], atol=1e-12)
    np.testing.assert_allclose(mg.compile(mg.grad(f), backend="numpy")(at), first, rtol=1e-12, atol=1e-12)
    x = np.array([at, 0.3, at])
    np.testing.assert_allclose(mg.grad(lambda p: f(p).sum())(x), [first, mg.grad(f)(0.3), first], atol=1e-12)


def _with_a_density_of_0_at_an_end():
    for name in CONTINUOUS:
        f, shapes = FAMILIES[name], [np.floor(shape) + 1 if shape % 1 else shape for shape in shapes_of(name)]
        for end, inward in [(f.low, 1), (f.high, -1)]:
            if np.isfinite(end if isinstance(end, float) else np.nan) and f.pdf(end, *shapes) == 0:
                yield pytest.param(name, shapes, end, inward, id=f"{name} at {end:g}")


@pytest.mark.parametrize(("name", "shapes", "end", "inward"), list(_with_a_density_of_0_at_an_end()))
def test_the_slope_of_a_density_that_is_0_at_the_end_of_its_support_is_the_one_inside(name, shapes, end, inward):
    def pdf(x, *shapes):
        return FAMILIES[name].pdf(x, *shapes, loc=0.5, scale=2.0)

    def both(x):
        first = mg.grad(pdf, tuple(range(1 + len(shapes))))(x, *shapes)
        return [*first, mg.grad(mg.grad(pdf))(x, *shapes)]

    found, inside = both(0.5 + 2 * end), both(0.5 + 2 * end + inward * 1e-9)
    np.testing.assert_allclose(found, inside, rtol=1e-5, atol=1e-6)
    many = mg.vmap(mg.grad(lambda x: pdf(x, *shapes)))(
        np.array([0.5 + 2 * end, 0.5 + 2 * (end + inward / 2), 0.5 + 2 * end - inward])
    )
    np.testing.assert_allclose(many[::2], [found[0], 0])
    assert np.isfinite(many).all()
    logpdf = FAMILIES[name].logpdf
    assert mg.grad(logpdf)(end, *shapes) in (inward * np.inf, 0)
    huge = [1000.0 * shape for shape in shapes]
    assert FAMILIES[name].pdf(end, *huge) == mg.grad(FAMILIES[name].pdf)(end, *huge) == 0 or not shapes
