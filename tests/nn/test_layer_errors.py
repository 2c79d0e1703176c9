"""What layers and losses refuse, and what they say to write instead."""

import inspect

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import DTypeError, GraphError, HyperparameterError, MinigradError, ShapeError, TargetError
from minigrad.nn import functional as F

RNG = np.random.default_rng


def normal(*shape, dtype="f4"):
    return RNG(3).normal(size=shape).astype(dtype)


X, ONES = normal(4, 3), np.ones((4, 3), "f4")

REFUSED = {
    "p below 0": (lambda: nn.Dropout(-0.1), HyperparameterError, r"p is a probability in \[0, 1\].*got -0.1"),
    "p above 1": (lambda: nn.Dropout(1.5), HyperparameterError, "got 1.5"),
    "p of NaN": (lambda: nn.Dropout(float("nan")), HyperparameterError, "got nan"),
    "dropout of integers": (lambda: nn.Dropout()(np.arange(3)), DTypeError, r"astype\('float32'\)\s+in layer Dropout"),
    "no embeddings": (
        lambda: nn.Embedding(0, 3),
        HyperparameterError,
        "num_embeddings is a whole number of at least 1",
    ),
    "half a dimension": (lambda: nn.Embedding(3, 0.5), HyperparameterError, "embedding_dim is .* got 0.5"),
    "padding_idx": (lambda: nn.Embedding(3, 2, 3), HyperparameterError, "one of the 3 rows of the weight, got 3"),
    "init": (
        lambda: nn.Embedding(3, 2, init=lambda shape, generator, dtype: np.ones(2)),
        ShapeError,
        r"Embedding: init gave shape \(2,\) for a weight of shape \(3, 2\)",
    ),
    "index": (lambda: nn.Embedding(3, 2)([[0, 3]]), TargetError, r"from 0 to 2 .*got 3\s+in layer Embedding"),
    "negative index": (lambda: nn.Embedding(3, 2)([-1]), TargetError, "got -1"),
    "float index": (lambda: nn.Embedding(3, 2)([0.5]), DTypeError, "indices of integers"),
    "flatten too much": (lambda: nn.Flatten(1)(np.ones(3)), ShapeError, r"x of shape \(3,\).*\s+in layer Flatten"),
    "flatten backwards": (lambda: nn.Flatten(2, 1)(np.ones((3, 4, 5))), ShapeError, "from 2 to 1"),
    "normalised shape": (lambda: nn.LayerNorm(0), HyperparameterError, "LayerNorm: normalized_shape .* got 0"),
    "no shape": (lambda: nn.RMSNorm(()), HyperparameterError, r"at least one size, got \(\)"),
    "a size that is true": (lambda: nn.LayerNorm(True), HyperparameterError, "got True"),
    "eps": (lambda: nn.LayerNorm(3, eps=-1), HyperparameterError, "eps is a finite number of at least 0.*got -1"),
    "layer norm": (lambda: nn.LayerNorm(3)(np.ones((2, 4))), ShapeError, r"has shape \(2, 4\).*\s+in layer LayerNorm"),
    "rms norm": (lambda: nn.RMSNorm(3)(np.ones((2, 4))), ShapeError, r"has shape \(2, 4\).*\s+in layer RMSNorm"),
    "groups": (lambda: nn.GroupNorm(2, 3), HyperparameterError, "2 groups do not divide 3 channels"),
    "group norm": (lambda: nn.GroupNorm(2, 4)(np.ones((2, 6, 3))), ShapeError, r"shape \(6,\).*\s+in layer GroupNorm"),
    "plain group norm": (
        lambda: nn.GroupNorm(2, 4, affine=False)(np.ones((2, 6, 3))),
        ShapeError,
        r"takes x of shape \(N, 4, ...\), got shape \(2, 6, 3\)",
    ),
    "approximate": (lambda: nn.GELU("sigmoid"), HyperparameterError, "'none' or 'tanh', got 'sigmoid'"),
    "alpha": (lambda: nn.CELU(0), HyperparameterError, "CELU divides by alpha.*got 0"),
    "beta": (lambda: nn.Softplus(0.0), HyperparameterError, "Softplus divides by beta.*got 0.0"),
    "bounds": (lambda: nn.Hardtanh(1, 1), HyperparameterError, "min_val is less than max_val, got 1 and 1"),
    # convolutions
    "kernel": (lambda: nn.Conv2d(3, 4, 0), HyperparameterError, "Conv2d: kernel_size is an integer >= 1.*got 0"),
    "kernels": (lambda: nn.Conv2d(3, 4, (3, 3, 3)), HyperparameterError, "one for each of 2 axes"),
    "stride": (lambda: nn.Conv1d(3, 4, 3, stride=0), HyperparameterError, "Conv1d: stride .* got 0"),
    "padding": (lambda: nn.Conv1d(3, 4, 3, padding="full"), HyperparameterError, '"valid", or .* "same"; got \'full\''),
    "same": (lambda: nn.Conv1d(3, 4, 3, 2, "same"), HyperparameterError, r"got 'same' with a stride of \(2,\)"),
    "dilation": (lambda: nn.ConvTranspose1d(3, 4, 3, dilation=0), HyperparameterError, "ConvTranspose1d: dilation"),
    "output_padding": (
        lambda: nn.ConvTranspose2d(3, 4, 3, output_padding=1),
        HyperparameterError,
        r"less than the stride \(1, 1\); got 1",
    ),
    "channels": (lambda: nn.Conv2d(0, 4, 3), HyperparameterError, "Conv2d: in_channels is a whole number .* got 0"),
    "out": (lambda: nn.Conv2d(3, None, 3), HyperparameterError, "out_channels is a whole number .* got None"),
    "groups of in": (lambda: nn.Conv2d(3, 4, 3, groups=2), HyperparameterError, "2 groups do not divide in_channels=3"),
    "groups of out": (lambda: nn.Conv2d(4, 3, 3, groups=2), HyperparameterError, "2 groups .* out_channels=3"),
    "lazy groups": (
        lambda: nn.Conv1d(None, 4, 3, groups=2)(np.ones((2, 3, 5), "f4")),
        HyperparameterError,
        r"2 groups do not divide in_channels=3.*\s+in layer Conv1d\(in_channels=None",
    ),
    "wrong channels": (
        lambda: nn.Conv2d(3, 4, 3)(np.ones((2, 5, 6, 6), "f4")),
        ShapeError,
        r"5 channels.*\s+in layer Conv2d\(in_channels=3",
    ),
    "small image": (lambda: nn.Conv2d(3, 4, 3)(np.ones((2, 3, 2, 6), "f4")), ShapeError, "does not fit"),
    "no batch": (lambda: nn.Conv2d(None, 4, 3)(np.ones((3, 6, 6), "f4")), ShapeError, r"x\[None\] for a batch of one"),
    "no channels": (lambda: nn.Conv2d(None, 4, 3)(np.ones((2, 0, 6, 6))), ShapeError, "learns in_channels from axis 1"),
    "wrong transposed": (lambda: nn.ConvTranspose1d(3, 4, 3)(np.ones((2, 5, 6), "f4")), ShapeError, "5 channels"),
    # linear
    "features": (lambda: nn.Linear(2.5, 3), HyperparameterError, "in_features .* got 2.5"),
    "no last axis": (lambda: nn.Linear(None, 3)(np.float32(1)), ShapeError, r"learns in_features .* shape \(\)"),
    "no features": (lambda: nn.Linear(None, 3)(np.ones((2, 0))), ShapeError, r"learns in_features .* shape \(2, 0\)"),
    "penalty": (
        lambda: nn.Linear(2, 3, weight_regularizer_l2=-1),
        HyperparameterError,
        "weight_regularizer_l2 .* got -1",
    ),
    "penalty of NaN": (lambda: nn.Conv1d(2, 3, 1, bias_regularizer_l1=float("nan")), HyperparameterError, "got nan"),
    "dtype": (lambda: nn.Linear(2, 3, dtype="float23"), DTypeError, "'float23' is no dtype"),
    "dtype of a norm": (lambda: nn.BatchNorm1d(2, dtype="float23"), DTypeError, "'float23' is no dtype"),
    # pooling
    "pool": (lambda: nn.MaxPool2d(0), HyperparameterError, "MaxPool2d: kernel_size"),
    "pool stride": (lambda: nn.AvgPool1d(2, 0), HyperparameterError, "AvgPool1d: stride"),
    "pool padding": (lambda: nn.MaxPool1d(2, padding=2)(np.ones((1, 1, 5))), HyperparameterError, "half of the kernel"),
    "pool of a small image": (lambda: nn.AvgPool2d(3)(np.ones((1, 1, 2, 5))), ShapeError, r"\s+in layer AvgPool2d"),
    "adaptive": (lambda: nn.AdaptiveAvgPool2d((2, 0)), HyperparameterError, "AdaptiveAvgPool2d: output_size"),
    "adaptives": (lambda: nn.AdaptiveAvgPool1d((2, 2)), HyperparameterError, "one for each of 1 axes"),
    # batch normalisation
    "batch norm": (lambda: nn.BatchNorm2d(0), HyperparameterError, "num_features .* got 0"),
    "momentum": (lambda: nn.BatchNorm2d(3, momentum=1.5), HyperparameterError, r"in \[0, 1\], or None .* got 1.5"),
    "images": (lambda: nn.BatchNorm2d(3)(np.ones((2, 3))), ShapeError, r"BatchNorm2d takes x of shape \(N, C, H, W\)"),
    "vectors": (lambda: nn.BatchNorm1d(3)(np.ones((2, 3, 1, 1))), ShapeError, r"\(N, C\) or \(N, C, L\)"),
    "lazy images": (lambda: nn.BatchNorm2d(None)(np.ones((2, 0, 3, 3))), ShapeError, r"got shape \(2, 0, 3, 3\)"),
    "one value": (lambda: nn.BatchNorm1d(3)(np.ones((1, 3), "f4")), ShapeError, "a larger batch"),
    "other channels": (
        lambda: nn.BatchNorm1d(3).eval()(np.ones((2, 4), "f4")),
        ShapeError,
        "one number for each channel",
    ),
    # losses
    "reduction": (lambda: nn.HuberLoss("avg"), HyperparameterError, "'avg'"),
    "kl reduction": (lambda: nn.KLDivLoss("avg"), HyperparameterError, "'batchmean', 'sum'"),
    "delta": (lambda: nn.HuberLoss(delta=0), HyperparameterError, "HuberLoss: delta is a finite number above 0.*got 0"),
    "beta of smooth": (lambda: nn.SmoothL1Loss(beta=-1), HyperparameterError, "SmoothL1Loss: beta"),
    "delta of F": (lambda: F.huber_loss(X, X, delta=np.inf), HyperparameterError, "huber_loss: delta"),
    "beta of F": (lambda: F.smooth_l1_loss(X, X, beta=0), HyperparameterError, "smooth_l1_loss: beta"),
    "margin power": (lambda: nn.MultiMarginLoss(p=3), HyperparameterError, "p is 1 or 2, got 3"),
    "margin power of F": (lambda: F.multi_margin_loss(X, [0] * 4, p=0), HyperparameterError, "p is 1 or 2, got 0"),
    "shape": (lambda: nn.L1Loss()(X, X[:, :1]), ShapeError, r"l1_loss .* \(4, 1\).*reshape"),
    "integers": (lambda: F.l1_loss(np.ones(3, int), np.ones(3)), DTypeError, "l1_loss takes predictions"),
    "class weights": (
        lambda: F.cross_entropy(X, [0] * 4, weight=[1.0, 2.0]),
        ShapeError,
        r"one number for each class, shape \(3,\) .* got \(2,\)",
    ),
    "weights with a gradient": (
        lambda: F.cross_entropy(X, [0] * 4, weight=mg.tensor([1.0] * 3, requires_grad=True)),
        GraphError,
        "weight.detach",
    ),
    "all ignored": (lambda: F.cross_entropy(X, [-1] * 4, ignore_index=-1), TargetError, 'reduction="sum"'),
    "all ignored, smooth": (
        lambda: F.cross_entropy(X, [-1] * 4, label_smoothing=0.1, ignore_index=-1),
        TargetError,
        "every label is ignore_index",
    ),
    "all of weight 0": (lambda: F.nll_loss(X, [0] * 4, weight=[0.0, 1, 1]), TargetError, "of a class of weight 0"),
    "ignored rows": (lambda: F.cross_entropy(X, ONES / 3, ignore_index=0), HyperparameterError, "integer labels"),
    "stray label": (lambda: F.cross_entropy(X, [0, 1, 2, 3], ignore_index=-100), TargetError, "from 0 to 2.* got 3"),
    "rows for nll": (lambda: F.nll_loss(X, ONES / 3), ShapeError, "nll_loss takes integer labels"),
    "rows for margins": (lambda: F.multi_margin_loss(X, ONES / 3), ShapeError, "multi_margin_loss takes integer"),
    "pos_weight": (
        lambda: F.binary_cross_entropy_with_logits(X, ONES, pos_weight=[1.0, 2.0]),
        ShapeError,
        r"broadcasts to the logits' shape \(4, 3\), got \(2,\)",
    ),
    "pos_weight of more axes": (
        lambda: F.binary_cross_entropy_with_logits(X, ONES, pos_weight=np.ones((1, 4, 3))),
        ShapeError,
        r"got \(1, 4, 3\)",
    ),
    "logits for probabilities": (
        lambda: F.binary_cross_entropy(X, ONES),
        TargetError,
        "probabilities between 0 and 1, .* binary_cross_entropy_with_logits",
    ),
    "targets of probabilities": (
        lambda: F.binary_cross_entropy(ONES, 2 * ONES),
        TargetError,
        "targets between 0 and 1",
    ),
    "dropout of text": (lambda: nn.Dropout("a"), HyperparameterError, "Dropout: p is a probability .* got 'a'"),
    "a seed for dropout": (lambda: nn.Dropout(0.5, 3), HyperparameterError, r"write np.random.default_rng\(seed\)"),
    "a list of layers": (lambda: nn.Sequential([nn.ReLU()]), TypeError, r"got list: write Sequential\(\*layers\)"),
    "no layers": (lambda: nn.TransformerEncoder([]), HyperparameterError, "takes a list of layers"),
    "a layer and a number": (
        lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 8), 6),
        HyperparameterError,
        r"write TransformerDecoder\(\[TransformerDecoderLayer\(...\) for _ in range\(6\)\]\)",
    ),
    "kl": (lambda: F.kl_div(X, -ONES), TargetError, "at least 0, got -1.0"),
    "signs": (lambda: F.hinge_embedding_loss(X, 0 * ONES), TargetError, r"2 \* y - 1"),
    "signs with a gradient": (
        lambda: F.hinge_embedding_loss(X, mg.tensor(ONES, requires_grad=True)),
        GraphError,
        "target.detach",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_and_what_to_write_instead(what):
    call, kind, message = REFUSED[what]
    with pytest.raises(kind, match=rf"(?s){message}"):
        call()


class Forgetful(nn.Module):
    """A forward without a return."""

    def __init__(self):
        self.inner = nn.Linear(3, 3)

    def forward(self, x):
        self.inner(x)


@pytest.mark.parametrize(
    "after",
    [
        nn.Linear(3, 2), nn.Conv2d(1, 1, 3), nn.BatchNorm1d(3), nn.LayerNorm(3), nn.Dropout(0.5), nn.Flatten(),
        nn.Softmax(), nn.GRU(3, 2), nn.Embedding(3, 2), nn.ReLU(), nn.GELU(), nn.MaxPool2d(2),
    ],
    ids=repr,
)  # fmt: skip
def test_a_forward_without_a_return_is_named(after):
    with pytest.raises(MinigradError, match="which was given None: does the forward before it return its result"):
        nn.Sequential(Forgetful(), after)(mg.ones((2, 3)))


@pytest.mark.parametrize(
    "loss", [nn.CrossEntropyLoss(), nn.MSELoss(), nn.BCEWithLogitsLoss(), nn.HuberLoss()], ids=repr
)
def test_a_loss_of_a_forward_without_a_return_says_so(loss):
    with pytest.raises(MinigradError, match="given None: does the forward before it return its result"):
        loss(Forgetful()(mg.ones((2, 3))), mg.ones((2, 3)))


@pytest.mark.parametrize(
    "op", [mg.exp, mg.relu, mg.mean, mg.softmax, lambda x: mg.ones(2) + x, lambda x: x * mg.ones(2)]
)
def test_an_operand_that_is_none_is_named(op):
    with pytest.raises(DTypeError, match="an operand is None: does the function that it came from return it"):
        op(Forgetful()(mg.ones((2, 3))))


@pytest.mark.parametrize("op", [mg.erf, mg.erfc, mg.ndtr, mg.gelu, mg.exp, mg.tanh, mg.silu])
@pytest.mark.parametrize("given", [np.array(["1", "2"]), np.array([None, 1.0]), np.array([b"1"])], ids=repr)
def test_functions_read_no_numbers_from_text(op, given):
    with pytest.raises(TypeError):
        op(given)


# -- every option that is annotated as a bool, an int or a float ---------------------------------

NEEDED = {
    "Linear": (3, 4), "Embedding": (5, 3), "LayerNorm": (3,), "RMSNorm": (3,), "GroupNorm": (2, 4),
    "MultiheadAttention": (4, 2), "TransformerEncoderLayer": (4, 2), "TransformerDecoderLayer": (4, 2),
    **dict.fromkeys(("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d"), (4, 4, 3)),
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "BatchNorm3d"), (3,)),
    **dict.fromkeys(("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"), (3, 4)),
    **dict.fromkeys(("AvgPool1d", "AvgPool2d", "AvgPool3d", "MaxPool1d", "MaxPool2d", "MaxPool3d"), (2,)),
}  # fmt: skip
KINDS = {
    "bool": ["no", "relu", 0.5, 2, -1, None, [True]],
    "int": ["1", 0.5, None, 1j, [1], np.array([1, 2])],
    "float": ["1", np.nan, None, 1j, [1.0], np.array([1.0, 2.0])],
}


def annotated(function):
    """The parameters of a function, and what each is annotated as."""
    return [(name, str(p.annotation)) for name, p in inspect.signature(function).parameters.items()]


LAYERS = [
    (kind, name, annotation)
    for kind in map(vars(nn).get, nn.__all__)
    if isinstance(kind, type) and issubclass(kind, nn.Module)
    for name, annotation in annotated(kind.__init__)
    if annotation in KINDS
]


@pytest.mark.parametrize(("kind", "name", "annotation"), LAYERS, ids=[f"{k.__name__}.{n}" for k, n, _ in LAYERS])
def test_an_option_of_another_kind_is_refused_when_the_layer_is_made(kind, name, annotation):
    needed = NEEDED.get(kind.__name__, ())
    places = [parameter for parameter, _ in annotated(kind.__init__)][1:]
    for value in KINDS[annotation]:
        given = {**dict(zip(places, needed, strict=False)), name: value}
        with pytest.raises(HyperparameterError) as error:
            kind(**given)
        assert " got " in str(error.value)
        if places.index(name) == len(needed):  # by its place as well
            with pytest.raises(HyperparameterError):
                kind(*needed, value)


def test_there_are_options_of_each_kind():
    assert all(sum(kind == annotation for _, _, annotation in LAYERS) > 15 for kind in KINDS)


def test_a_flag_may_be_what_numpy_or_an_int_makes_of_it_and_a_users_own_class_may_take_anything():
    assert nn.Linear(3, 4, np.False_).bias is None
    assert nn.Linear(3, 4, bias=0).bias is None
    assert nn.Linear(3, 4, 1).bias is not None

    class Net(nn.Module):
        def __init__(self, bias: bool = True):
            self.hint = bias

    assert Net("maybe").hint == "maybe"


# -- options of functions outside their range ----------------------------------------------------

NUMBERS = ["1", 1j, np.nan, np.inf, -np.inf, [1.0], np.array([1.0, 2.0])]
SMALL, IMAGE, LABELS = normal(2, 3), normal(2, 4, 6, 6), np.array([0, 2])
WRONG = {
    "elu": ((SMALL,), {"alpha": NUMBERS}),
    "celu": ((SMALL,), {"alpha": [0, 0.0, *NUMBERS]}),
    "leaky_relu": ((SMALL,), {"negative_slope": NUMBERS}),
    "softplus": ((SMALL,), {"beta": [0, *NUMBERS], "threshold": [1j]}),
    "softshrink": ((SMALL,), {"lambd": [-0.5, -1, *NUMBERS]}),
    "hardshrink": ((SMALL,), {"lambd": [1j]}),
    "threshold": ((SMALL,), {"threshold": [1j], "value": [1j]}),
    "hardtanh": ((SMALL,), {"min_val": [2, np.inf, np.nan, None, "a", 1j], "max_val": [-2, -np.inf, None]}),
    "dropout": ((SMALL,), {"training": ["no", None, 0.5], "p": [-0.1, 1.5, *NUMBERS, None]}),
    "normalize": ((SMALL,), {"eps": [-1, *NUMBERS]}),
    "cosine_similarity": ((SMALL, SMALL), {"eps": [-1, *NUMBERS]}),
    "layer_norm": ((SMALL, 3), {"eps": [-1, *NUMBERS]}),
    "rms_norm": ((SMALL, 3), {"eps": [-1, *NUMBERS]}),
    "group_norm": ((IMAGE, 2), {"eps": [-1, *NUMBERS]}),
    "instance_norm": ((IMAGE,), {"eps": [-1, *NUMBERS]}),
    "batch_norm": ((IMAGE,), {"training": ["no", None, 2], "eps": [-1, *NUMBERS], "momentum": NUMBERS}),
    "huber_loss": ((SMALL, SMALL), {"delta": [0, -1, *NUMBERS, None]}),
    "smooth_l1_loss": ((SMALL, SMALL), {"beta": [0, -1, *NUMBERS, None]}),
    "multi_margin_loss": ((SMALL, LABELS), {"margin": NUMBERS}),
    "hinge_embedding_loss": ((SMALL, np.sign(SMALL)), {"margin": NUMBERS}),
    "cross_entropy": ((SMALL, LABELS), {"ignore_index": ["a", 0.5, np.nan, True, [1, 2]],
                                        "label_smoothing": [1, -0.1, *NUMBERS],
                                        "weight": [np.full(3, np.nan), -np.ones(3), np.full(3, 1j)]}),
    "nll_loss": ((SMALL, LABELS), {"ignore_index": ["a", 0.5, np.nan, True, [1, 2]],
                                   "weight": [np.full(3, np.nan), -np.ones(3), np.full(3, 1j)]}),
    "pad": ((SMALL, (1, 1)), {"value": [1j]}),
    "max_pool2d": ((IMAGE, 2), {"ceil_mode": ["no", None, 0.5, 2]}),
    "avg_pool2d": ((IMAGE, 2), {"ceil_mode": ["no", None], "count_include_pad": ["no", None, 2],
                                "divisor_override": [0, *NUMBERS]}),
    "adaptive_avg_pool2d": ((IMAGE,), {"output_size": [(1, 2, 3), (2,), 0, "a"]}),
    "adaptive_max_pool2d": ((IMAGE,), {"output_size": [(1, 2, 3), (2,), 0, "a"]}),
    "scaled_dot_product_attention": ((IMAGE, IMAGE, IMAGE), {"is_causal": ["no", np.ones((6, 6), bool), 0.5],
                                                             "scale": NUMBERS}),
}  # fmt: skip
WRONG_OPTIONS = [(name, option) for name, (_, options) in WRONG.items() for option in options]


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize(("name", "option"), WRONG_OPTIONS)
def test_an_option_of_a_function_outside_its_range_is_refused(name, option, requires_grad):
    (x, *others), options = WRONG[name]
    needed = {"threshold": 0.0, "value": 0.0} if name == "threshold" else {}
    for value in options[option]:
        with pytest.raises(MinigradError) as error:
            getattr(F, name)(mg.tensor(x, requires_grad=requires_grad), *others, **{**needed, option: value})
        assert not type(error.value).__name__.startswith("NothingCounts")  # which a Trainer passes over
        assert name.split("_")[-1] in str(error.value) or option in str(error.value)


def test_a_compiled_step_is_refused_the_option_that_eager_is():
    x = mg.tensor(SMALL)
    step = mg.compile(lambda lambd: F.softshrink(x, lambd).sum())
    assert [step(lambd).item() for lambd in (0.1, 0.2, 0.3)] == [
        F.softshrink(x, t).sum().item() for t in (0.1, 0.2, 0.3)
    ]
    with pytest.raises(HyperparameterError, match="lambd is a finite number of at least 0"):
        step(-0.1)
