"""PyTorch's habits, and some of JAX's and TensorFlow's: each works, or an error says what to write, and that runs."""

import contextlib
import copy
import functools
import importlib
import inspect
import json
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

import minigrad as mg
from minigrad import data, nn, optim, train
from minigrad.compiler.backends import BACKENDS
from minigrad.core import table
from minigrad.nn import functional as F
from minigrad.support import idioms
from tests.idiom_names import names

ROWS = [(section, name, line) for section, rows in idioms.TABLES.items() for name, line in rows.items()]
MODULES = [section for section in idioms.TABLES if section.startswith("minigrad")]


def code(line):
    return line.partition("#")[0].strip()


def test_there_are_many():
    assert len(ROWS) > 400
    assert len({name for _, name, _ in ROWS}) > 300


def said(kind, function, *args):
    """What an error of such a call says: the texts of all names of a table are compared in one test."""
    try:
        function(*args)
    except kind as error:
        return str(error)
    return "no error"


@pytest.mark.parametrize("section", idioms.TABLES)
def test_every_line_runs(section, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, line in idioms.TABLES[section].items():
        written = code(line)
        if not written:
            assert len(line) > 10, name  # a reason alone
            continue
        if section == "keywords" and "(" not in written and "//" not in written:
            written = f"dict({written})"  # an option
        try:
            with np.printoptions():  # a line may set one
                exec(written, names())
        except Exception as error:
            error.add_note(f"the line of {name}: {line}")
            raise


def test_a_tensor_says_what_to_write():
    x = mg.ones((2, 3), requires_grad=True)
    found = {name: said(AttributeError, getattr, x, name) for name in idioms.TENSOR}
    assert found == {name: f"a Tensor has no {name!r}; {idioms.said(line)}" for name, line in idioms.TENSOR.items()}
    assert not [name for name in idioms.TENSOR if hasattr(x, name)]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_to_write(module):
    rows, home = idioms.TABLES[module], importlib.import_module(module)
    found = {name: said(AttributeError, getattr, home, name) for name in rows}
    assert found == {name: f"{module} has no attribute {name!r}; {idioms.said(line)}" for name, line in rows.items()}


def test_a_layer_says_what_to_write():
    rows, layer = idioms.TABLES["Module"], nn.Sequential(nn.Linear(2, 3))
    found = {name: said(AttributeError, getattr, layer, name) for name in rows}
    assert found == {name: f"Sequential has no {name!r}; {idioms.said(line)}" for name, line in rows.items()}


def test_an_optimizer_says_what_to_write():
    optimizer = optim.Adam(nn.Linear(2, 3).parameters())
    found = {name: said(AttributeError, getattr, optimizer, name) for name in idioms.TABLES["Optimizer"]}
    assert {name: text for name, text in found.items() if "an optimizer has no" not in text} == {}


def test_what_training_and_data_give_says_what_to_write():
    layer = nn.Linear(2, 2)
    loader = data.DataLoader((np.ones((4, 2), "f4"), np.array([0, 1, 0, 1])), batch_size=2)
    trainer = train.Trainer(layer, optim.Adam(layer.parameters()), nn.CrossEntropyLoss())
    for value in (trainer, trainer.fit(loader, 1, progress="none"), loader):
        kind = type(value).__name__
        found = {name: said(AttributeError, getattr, value, name) for name in idioms.TABLES[kind]}
        wanted = {name: f"a {kind} has no {name!r}; {idioms.said(line)}" for name, line in idioms.TABLES[kind].items()}
        assert found == wanted


def test_dir_lists_what_works():
    x = mg.ones((2, 3), requires_grad=True)
    listed = [name for name in dir(x) if not name.startswith("_")]
    assert {"sum", "reshape", "backward", "shape"} <= set(listed)
    assert not {"view", "cuda", "sort", "fill", "unsqueeze"} & set(listed)
    for name in listed:
        getattr(x, name)


def test_no_row_is_of_a_name_that_works():
    for module in MODULES:
        assert not set(idioms.TABLES[module]) & set(vars(importlib.import_module(module)))
    assert not set(idioms.TABLES["Module"]) & set(dir(nn.Module))


# -- options --------------------------------------------------------------------------------------

X = mg.ones((2, 3), requires_grad=True)
PARAMETERS = nn.Linear(2, 3).parameters()
#: call -> what its error says
OPTIONS = {
    "x.sum(dim=1)": "sum has no option dim=; write axis=1",
    "x.sum(1, keepdim=True)": "sum has no option keepdim=; write keepdims=True",
    "x.mean(dim=1, keepdim=True)": "mean has no option dim=; write axis=1",
    "x.max(dim=1)": "write axis=1",
    "x.min(dim=1)": "write axis=1",
    "x.prod(dim=1)": "write axis=1",
    "x.var(dim=1)": "write axis=1",
    "x.std(unbiased=False)": "std has no option unbiased=; write ddof=0",
    "x.var(correction=0)": "write ddof=1",
    "x.cumsum(dim=1)": "write axis=1",
    "x.cumprod(dim=1)": "write axis=1",
    "x.softmax(dim=1)": "softmax has no option dim=; write axis=1",
    "x.log_softmax(dim=1)": "write axis=1",
    "x.logsumexp(dim=1)": "write axis=1",
    "x.squeeze(dim=0)": "write axis=1",
    "x.argmax(dim=1)": "argmax has no option dim=; write axis=1",
    "x.argmin(dim=1)": "write axis=1",
    "x.argsort(descending=True)": "write mg.sort",
    "x.all(dim=1)": "write axis=1",
    "x.any(dim=1, keepdim=True)": "write axis=1",
    "x.flatten(start_dim=1)": "write x.reshape",
    "x.flatten(1)": "write x.reshape",
    "x.sum().backward(create_graph=True)": "backward has no option create_graph=; write mg.autograd.grad",
    "train.Trainer(model, optimizer, nn.MSELoss()).fit((x, x), 1, batch_size=2)": (
        r"fit has no option batch_size=; write data.DataLoader\(a, batch_size=2, shuffle=True\)"
    ),
    'x.sum(dim=0, dtype="float32")': "sum has no option dim=; write axis=1",
    "x.mean(keepdim=True, where=x.data > 0)": "mean has no option keepdim=; write keepdims=True",
    "x.max(dim=0, initial=0.0)": "max has no option dim=; write axis=1",
    "x.min(keepdim=True, initial=0.0)": "min has no option keepdim=; write keepdims=True",
    "x.prod(dim=0, initial=1.0)": "prod has no option dim=; write axis=1",
    'x.cumsum(dim=1, dtype="float64")': "cumsum has no option dim=; write axis=1",
    'x.cumprod(dim=1, dtype="float64")': "cumprod has no option dim=; write axis=1",
    "x.size()": "x.size is the number of elements, 6, as in NumPy; write x.shape",
    "x.size(0)": r"write x.shape\[0\]",
    "x.size(dim=1)": r"write x.shape\[1\]",
    "mg.ones((2, 3, 4)).transpose(1, 2)": r"write x.swapaxes\(1, 2\) to exchange two",
    "mg.zeros(1, 1, 4, 4)": r"a shape is one argument: write it as a tuple, mg.zeros\(\(2, 3\)\)",
    "mg.ones(1, 2, 3, 4, 5)": "a shape is one argument: write it as a tuple",
    "mg.sum(x, dim=1)": "sum has no option dim=; write axis=1",
    "mg.mean(x, dim=0)": "write axis=1",
    "mg.softmax(x, dim=1)": "write axis=1",
    "F.softmax(x, dim=-1)": "write axis=1",
    "F.log_softmax(x, dim=-1)": "write axis=1",
    "F.normalize(x, dim=1)": "normalize has no option dim=; write axis=1",
    "F.cosine_similarity(x, x, dim=1)": "write axis=1",
    "F.glu(x, dim=1)": "write axis=1",
    "F.relu(x, inplace=True)": "relu has no option inplace=; an op gives a new tensor: leave it out",
    "F.leaky_relu(x, inplace=True)": "leave it out",
    "F.dropout(x, 0.5, inplace=True)": "dropout has no option inplace=",
    "mg.concatenate([x, x], dim=0)": "concatenate has no option dim=; write axis=1",
    "mg.stack([x, x], dim=0)": "stack has no option dim=",
    "mg.split(x, 2, dim=0)": "split has no option dim=",
    "mg.median(x, dim=1)": "median has no option dim=",
    "mg.quantile(x, 0.5, dim=1, keepdim=True)": "quantile has no option dim=",
    "mg.diff(x, dim=1)": "diff has no option dim=",
    "mg.flip(x, dims=0)": "flip has no option dims=; write axis=1",
    "mg.roll(x, 1, dims=0)": "roll has no option dims=",
    "mg.sort(x, dim=1)": "sort has no option dim=",
    "mg.sort(x, descending=True)": "sort has no option descending=",
    "mg.cumsum(x, dim=0)": "cumsum has no option dim=",
    "mg.clip(x, min=0.0)": r"clip has no option min=; write x.clip\(0.0, 1.0\)",
    "mg.transpose(x, 0, 1)": r"write x.swapaxes\(0, 1\)",
    "F.one_hot([0, 2], num_classes=3)": r"one_hot has no option num_classes=; write mg.one_hot\(\[0, 2\], 3\)",
    "F.one_hot([0, 2])": "say how many classes there are",
    "nn.Flatten(start_dim=1)": r"Flatten has no option start_dim=; write nn.Flatten\(start_axis=1",
    "nn.MaxPool2d(2, return_indices=True)": "MaxPool2d has no option return_indices=",
    "mg.load('x', map_location='cpu')": "load has no option map_location=; arrays are loaded into main memory",
    "mg.linalg.norm(x, dim=1)": "norm has no option dim=",
    "mg.linalg.norm(x, axis=1, keepdim=True)": "norm has no option keepdim=; write keepdims=True",
    "mg.tensor([1.0], device='cpu')": "tensor has no option device=; tensors lie in main memory: leave it out",
    "mg.zeros((2, 3), device='cuda')": "has no option device=",
    "mg.arange(5, device='cuda')": "has no option device=",
    "mg.ones_like(x, memory_format=None)": "has no option memory_format=",
    "nn.Linear(2, 3, device='cpu')": "Linear has no option device=; tensors lie in main memory",
    "nn.ReLU(inplace=True)": "ReLU has no option inplace=; an op gives a new tensor: leave it out",
    "nn.ReLU(True)": r"ReLU\(\) takes no arguments",
    "nn.Dropout(0.5, inplace=True)": "Dropout has no option inplace=",
    "nn.Softmax(dim=1)": "Softmax has no option dim=; write axis=1",
    "nn.LogSoftmax(dim=1)": "write axis=1",
    "nn.MSELoss(size_average=False)": 'write reduction="sum"',
    "nn.CrossEntropyLoss(reduce=False)": 'write reduction="sum"',
    "optim.Adam(parameters, weight_decay=0.1)": "Adam has no option weight_decay=; write optim.AdamW",
    "optim.Adam(parameters, amsgrad=True)": "Adam has no option amsgrad=; there is no such variant: leave it out",
    "optim.SGD(parameters, lr=0.1, dampening=0.1)": "dampening=; there is none",
    "optim.AdamW(parameters, fused=True)": "fused=; there is no such variant",
    "optim.SGD(parameters, lr=0.1).zero_grad(set_to_none=True)": "zero_grad has no option set_to_none=; gradients are",
    "nn.Linear(2, 3).zero_grad(set_to_none=True)": "zero_grad has no option set_to_none=",
    "data.DataLoader(np.ones(4), num_workers=2)": "DataLoader has no option num_workers=; write data.DataLoader",
    "data.DataLoader(np.ones(4), pin_memory=True)": "pin_memory=; it is in main memory: leave it out",
    "data.DataLoader(np.ones(4), collate_fn=list)": "collate_fn=; write data.DataLoader",
    "data.DataLoader(np.ones(4), sampler=None)": "sampler=",
    "F.mse_loss(x, x, size_average=False)": 'mse_loss has no option size_average=; write reduction="sum"',
    "F.l1_loss(x, x, reduce=False)": 'write reduction="sum"',
    "F.huber_loss(x, x, size_average=False)": 'write reduction="sum"',
    "F.smooth_l1_loss(x, x, size_average=False)": 'write reduction="sum"',
    "F.hinge_embedding_loss(x, x, size_average=False)": 'write reduction="sum"',
    "mg.one_hot([0, 2], depth=3)": r"one_hot has no option depth=; write mg.one_hot\(\[0, 2\], 3\)",
    "mg.linspace(0, 1, steps=5)": "no option steps=; write num=5",
    "F.embedding([0], x, max_norm=1.0)": "embedding has no option max_norm=; there is no such option",
    "nn.Embedding(5, 3, sparse=True)": "Embedding has no option sparse=",
    "F.scaled_dot_product_attention(x, x, x, dropout_p=0.1)": r"dropout_p=; write F.dropout\(x, 0.5\)",
    "nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2), num_layers=6)": "num_layers=; write nn.TransformerEncoder",
    "data.random_split(np.ones(8), [4, 4], generator=None)": "random_split has no option generator=; write seed=",
    "data.DataLoader(np.ones(4), pin_memory_device='cuda')": "it is in main memory, and in order: leave it out",
    "data.DataLoader(np.ones(4), persistent_workers=True)": "there are threads, not processes",
}


@pytest.mark.parametrize("call", OPTIONS)
def test_an_option_of_another_framework_is_refused_with_what_to_write(call):
    with pytest.raises((TypeError, ValueError), match=OPTIONS[call]):
        eval(call, {**names(), "x": X, "parameters": PARAMETERS})  # the calls above


def test_an_init_that_is_no_function_says_itself_what_it_takes():
    def init(self, n=3):
        self.n = n

    own = type("Own", (nn.Module,), {"__init__": functools.lru_cache(init)})  # it has no code that one could read
    assert own(n=4).n == 4
    with pytest.raises(TypeError, match="bias"):
        own(bias=True)


def test_errors_name_the_operation():
    """Also at its first call, which is when its code is written."""
    rows = {name: f for name, f in table.ops.items() if hasattr(f, "op") and not f.op.variadic}
    for name, f in rows.items():
        wrong = functools.partial(f, *[np.ones((2, 2))] * len(f.op.arguments), nothing_like_it=1)
        assert said(TypeError, wrong).startswith(f"{name}() got an unexpected keyword argument 'nothing_like_it'")
    assert len(rows) > 300


def test_the_first_call_names_the_operation():
    made = mg.primitive(lambda x: x * 2, lambda g: g * 2, name="twice_for_this_test")
    try:
        with pytest.raises(TypeError, match=r"^twice_for_this_test\(\) got an unexpected keyword argument 'dim'"):
            made(np.ones(2), dim=0)
    finally:
        del mg.table.ops["twice_for_this_test"]


def test_a_module_of_ones_own_keeps_its_options():
    class Net(nn.Module):
        def __init__(self, dim, *, device="cpu", **more):
            self.dim, self.device, self.more = dim, device, more

    net = Net(3, device="tpu", inplace=True)
    assert (net.dim, net.device, net.more) == (3, "tpu", {"inplace": True})
    assert copy.deepcopy(net).dim == 3

    class Other(nn.Module):
        def __init__(self):
            self.layer = nn.ReLU()

    with pytest.raises(TypeError, match="Other has no option device="):
        Other(device="cpu")

    class Plain(nn.Module):
        def __init__(self, dim):
            self.dim = dim

    with pytest.raises(TypeError, match="unexpected keyword argument 'dimm'"):
        Plain(dimm=3)


#: call -> what its error says: habits of Keras, pandas, Lightning and of other optimizers' names
ARGUMENTS = {
    'data.read_csv("a.csv", "kind", sep=";")': 'read_csv has no option sep=; write delimiter=";"',
    'data.read_csv("a.csv", header=None)': "read_csv has no option header=; the first line of the file has the names",
    'data.read_csv("a.csv")': "read_csv: missing a required argument: 'target'; name the column to predict: data",
    'data.read_csv("a.csv", delimeter=";")': "read_csv has no option delimeter=; did you mean delimiter=?",
    "data.DataLoader(a, batchsize=2)": "DataLoader has no option batchsize=; write batch_size=32",
    "data.DataLoader(a, shufle=True)": "DataLoader has no option shufle=; did you mean shuffle=?",
    "trainer.fit(a, a, epochs=2)": "fit: multiple values for argument 'epochs'; X and y are one argument",
    "trainer.fit((a, a))": "fit: missing a required argument: 'epochs'; X and y are one argument",
    "trainer.fit((a, a), nb_epoch=2)": "fit has no option nb_epoch=; trainer.fit((X, y), epochs=10)",
    "trainer.fit((a, a), 1, wait=2)": "fit has no option wait=; it takes (train, epochs, validation=None, callbacks=()",
    "trainer.evaluate(a, a)": "evaluate: too many positional arguments; X and y are one argument",
    "trainer.predict(a, verbose=0)": "predict has no option verbose=; it prints nothing: leave it out",
    "trainer.resume()": "resume: missing a required argument: 'checkpoint_dir'; it takes (checkpoint_dir)",
    "train.Trainer(model, optimizer, criterion=f)": "Trainer has no option criterion=; write loss=nn.CrossEntropyLo",
    "train.Trainer(model, optimizer)": "Trainer: missing a required argument: 'loss'; it takes (model, optimizer, loss",
    "train.EarlyStopping(restore_best_weights=True)": "EarlyStopping has no option restore_best_weights=; write restor",
    "train.EarlyStopping(patiense=3)": "EarlyStopping has no option patiense=; did you mean patience=?",
    "train.F1(num_classes=3)": "F1 has no option num_classes=; write classes=3",
    "train.CSVLogger(filename='a.csv')": "CSVLogger has no option filename=; it takes (path)",
    "nn.Linear(2, 3, use_bias=False)": "Linear has no option use_bias=; write bias=False",
    "nn.Linear(2, 3, wdth=3)": "Linear has no option wdth=; it takes (in_features, out_features, ",
    "nn.Conv2d(1, 2, 3, strides=2)": "Conv2d has no option strides=; write stride=2",
    "nn.CrossEntropyLoss(from_logits=True)": "CrossEntropyLoss has no option from_logits=; nn.CrossEntropyLoss and",
    "optim.Adam(parameters, beta_1=0.9)": "Adam has no option beta_1=; write betas=(0.9, 0.999)",
    "optim.SGD(parameters, momentun=0.9)": "SGD has no option momentun=; did you mean momentum=?",
    "optim.EMA(model, 0.9, 3)": "EMA: too many positional arguments; it takes (parameters, decay=0.999)",
    "mg.grad(f, argnum=0)": "grad has no option argnum=; write argnums=0",
    "mg.vmap(f, in_dims=0)": "vmap has no option in_dims=; write in_axes=0",
    "mg.compile(f, fullgraph=True)": "compile has no option fullgraph=; a step is always one whole program",
    "mg.save('a.safetensors')": "save: missing a required argument: 'state'; it takes (path, state)",
    "mg.viz.graph(x, params={})": "graph has no option params=; write mg.viz.graph(x, model)",
    "model.parameters(recurse=True)": "parameters has no option recurse=; there is no such option",
}


@pytest.mark.parametrize("call", ARGUMENTS)
def test_arguments_that_are_not_those_of_a_function_are_told_what_to_write(call):
    given = names()
    given["trainer"] = train.Trainer(given["model"], given["optimizer"], nn.MSELoss())
    with pytest.raises(TypeError) as refused:
        eval(call, {**given, "parameters": PARAMETERS})  # the calls above
    assert str(refused.value).startswith(ARGUMENTS[call])


def test_no_row_is_of_an_option_that_its_owner_takes():
    taken = {}
    ours = [importlib.import_module(name) for name in idioms.PLACES if name.startswith("minigrad")]
    for module in [*ours, train.Trainer, nn.Module, mg.viz]:
        for name in set(dir(module)) - {"__class__"}:
            if callable(value := getattr(module, name, None)) and not name.startswith("_"):
                with contextlib.suppress(ValueError, TypeError):
                    taken.setdefault(name, set()).update(inspect.signature(value).parameters)
    owned = [name.split(".") for name in idioms.KEYWORDS if "." in name]
    assert [(owner, name) for owner, name in owned if owner not in taken and owner != "backward"] == []
    assert [(owner, name) for owner, name in owned if name in taken.get(owner, ())] == []
    # Those without an owner are of ops, layers and optimizers alike: few of these take them.
    count = {name: sum(name in options for options in taken.values()) for name in idioms.KEYWORDS}
    assert {name for name, times in count.items() if times} == {"copy", "self", "steps", "weight_decay"}


def test_an_error_inside_a_function_is_its_own():
    def wrong(x):
        return len(x)

    with pytest.raises(TypeError, match="object of type 'int' has no len"):
        idioms.told(wrong)(1)
    with pytest.raises(TypeError, match=r"^wrong has no option y=; it takes \(x\)"):
        idioms.told(wrong)(1, y=2)


# -- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "name", "says"),
    [
        (mg, "Linear", "write nn.Linear"),
        (mg, "cross_entropy", "write F.cross_entropy"),
        (mg, "inv", "write mg.linalg.inv"),
        (mg, "argmax", "write np.argmax"),
        (mg, "float32", "write np.float32"),
        (mg, "isnan", "write np.isnan"),
        (mg, "numpy", "write import numpy as np (its functions take tensors)"),
        (mg, "sofmax", "did you mean 'softmax'?"),
        (mg, "zzzz", "dir(minigrad) lists what it has"),
        (nn, "cross_entropy", "write F.cross_entropy"),
        (nn, "Conv4d", "did you mean 'Conv3d'?"),
        (F, "CrossEntropyLoss", "write nn.CrossEntropyLoss"),
        (optim, "Adamm", "did you mean 'Adam'?"),
        (optim, "cosine", "write optim.schedules.cosine"),
        (nn.init, "xavier_uniform", "glorot_uniform"),
        (mg.random, "shufle", "minigrad.random has no attribute 'shufle'"),
        (train, "Trainor", "did you mean 'Trainer'?"),
        (data, "Trainer", "write train.Trainer"),
        (mg.linalg, "invert", "write np.invert"),
        (mg.fft, "rfftt", "did you mean 'rfft'?"),
    ],
)
def test_a_name_that_is_elsewhere_or_misspelt(module, name, says):
    with pytest.raises(AttributeError) as error:
        getattr(module, name)
    assert says in str(error.value)
    assert not hasattr(module, name)


def test_the_number_of_elements_is_a_number(tmp_path):
    size = mg.ones((2, 3)).size
    assert size == 6
    assert isinstance(size, int)
    assert repr(size) == f"{size}" == "6"
    assert type(pickle.loads(pickle.dumps(size))) is int  # noqa: S301 - our own
    single = np.ones(3, "f4")
    for z in (
        mg.ones(3) * size, size / mg.ones(3), single / size, size - single, np.float32(2) * size, size * np.float32(2),
        mg.tensor(2.0) ** size, mg.ones((2, 3)).sum() / size, np.where(single > 0, single, size),
        mg.where(single > 0, mg.ones(3), size), np.maximum(single, size), np.clip(single, 0, size),
        np.clip(single, a_min=0, a_max=size), mg.maximum(mg.ones(3), size), np.multiply(mg.ones(3), size),
    ):  # fmt: skip
        assert z.dtype == np.float32
    assert size / 4 == 1.5
    assert json.dumps({size: size}) == '{"6": 6}'
    x = mg.tensor([0.0, 2.0], requires_grad=True)
    (x**size).sum().backward()
    np.testing.assert_array_equal(x.grad, [0, 192])
    assert np.random.default_rng(0).normal(size=size).shape == (6,)
    path = tmp_path / "state.safetensors"
    mg.save(path, {"count": size, size: [size]})
    loaded = mg.load(path)
    assert loaded == {"count": 6, 6: [6]}
    assert {type(value) for value in (loaded["count"], *loaded[6])} == {int}
    assert np.arange(size).shape == np.zeros(size).shape == (6,)
    assert list(range(size))[size - 1] == 5


@pytest.mark.parametrize("backend", ["numpy", "native", "jax"])
def test_the_number_of_elements_in_a_program(backend):
    if backend != "numpy":
        pytest.importorskip(BACKENDS[backend][1], reason=f"the backend needs it: pip install {BACKENDS[backend][1]}")
    n = mg.ones((2, 3)).size

    def f(x):
        return ((x / x.size).sum() * n + mg.where(x > n, x, x.size)).reshape(x.size) ** n

    step = mg.compile(f, backend=backend)
    expected = f(mg.ones((2, 3))).data
    for _ in range(3):
        found = step(mg.ones((2, 3))).data
        assert found.dtype == expected.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_looking_for_a_name_imports_nothing():
    """``hasattr`` and ``from minigrad.nn import name`` ask for names too."""
    script = (
        "import sys, minigrad, minigrad.nn\n"
        "before = set(sys.modules)\n"
        "assert not hasattr(minigrad, 'cat') and not hasattr(minigrad.nn, 'Conv9d')\n"
        "assert set(sys.modules) == before, set(sys.modules) - before\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def _of_axes():
    """Every function with options for axes, by the path under which it is found."""
    homes = {"mg": mg, "F": F, "mg.linalg": mg.linalg, "mg.fft": mg.fft}
    found = {f"{home}.{name}": getattr(module, name) for home, module in homes.items() for name in dir(module)}
    found |= {f"ops[{name!r}]": function for name, function in table.ops.items()}
    for path, function in found.items():
        if "apply_along_axis" in path:
            continue  # options of any name belong to the function that it calls
        if callable(function) and not isinstance(function, type) and "._" not in path:
            taken = inspect.signature(function).parameters
            for ours, theirs in {"axis": "dim", "axes": "dim", "keepdims": "keepdim", "k": "diagonal"}.items():
                if ours in taken and (ours != "k" or path.endswith(("triu", "tril", ".diag", "diagflat"))):
                    yield path, function, theirs


_OF_AXES = {f"{path}, {option}=": (function, option) for path, function, option in _of_axes()}


def test_every_function_says_what_it_calls_an_axis():
    found = {}
    for case, (function, option) in _OF_AXES.items():
        needed = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
        arguments = [mg.ones((2, 2)) for p in needed if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        text = said(TypeError, functools.partial(function, *arguments, **{option: 1}))
        if not re.search(rf"has no option {option}=; write (axis=1|keepdims=True|k=1)", text):
            found[case] = text
    assert found == {}
    assert len(_OF_AXES) > 200


def test_a_step_takes_no_closure():
    optimizer = optim.SGD([mg.ones(2, requires_grad=True)], lr=0.1)
    with pytest.raises(TypeError, match=r"SGD.step has no option closure=; compute the loss, call loss.backward"):
        optimizer.step(lambda: 1.0)


# -- imports ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", MODULES)
def test_an_import_says_what_to_write(module):
    for name, line in idioms.TABLES[module].items():
        ways = (f"from {module} import {name}", f"import {module}.{name}", f"from {module}.{name} import anything")
        found = {way: said(ImportError, exec, way, {}) for way in ways}
        assert found == dict.fromkeys(ways, f"{module} has no {name!r}; {idioms.said(line)}")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("from minigrad.utils.data import DataLoader", "minigrad has no 'utils'; write from minigrad import data"),
        ("import minigrad.numpy as jnp", r"write import numpy as np \(its functions take tensors\)"),
        ("from minigrad.optim import Adam, RMSprop", r"write optim.RMSProp\(model.parameters"),
        ("from minigrad.optim import StepLR", "write optim.schedules.step"),  # a row of another module
        ("from minigrad import Dropout2d", r"write nn.Dropout\(0.5\)"),
        ("from minigrad.optim import Linear", "minigrad.optim has no 'Linear'; write nn.Linear"),
        ("from minigrad.optim import Adamm", "did you mean 'Adam'"),
        ("from minigrad.nn import qwertz", r"dir\(minigrad.nn\) lists what it has"),
        ("from minigrad.nn.linear import Linnear", "cannot import name 'Linnear'"),  # Python's, of a module inside
    ],
)
def test_an_import_of_what_is_elsewhere(line, said):
    with pytest.raises(ImportError, match=said):
        exec(line, {})


def test_other_imports_fail_as_ever_and_hasattr_is_quiet():
    for line in ("import minigrade", "import no_such_package.minigrad", "from json import minigrad"):
        with pytest.raises(ImportError, match=r"No module named|cannot import name"):
            exec(line, {})
    assert not hasattr(optim, "lr_scheduler")
    assert sum(type(finder).__module__ == idioms.__name__ for finder in sys.meta_path) == 1
    before = len(sys.meta_path)
    idioms.answer_imports()
    assert len(sys.meta_path) == before


@pytest.mark.parametrize("name", ["requires_grad", "trainable"])
def test_a_switch_that_would_change_nothing_is_refused(name):
    model = nn.Sequential(nn.Linear(2, 3))
    for module in (model, model[0]):
        with pytest.raises(AttributeError, match=r"would change nothing; write model.requires_grad_\(False\)"):
            setattr(module, name, False)
        assert not hasattr(module, name)
    assert all(p.requires_grad for p in model.parameters())


def test_a_name_that_is_far_off_is_no_suggestion():
    for module, name in [(mg, "mosses"), (mg, "optimizing"), (F, "grid_pimple")]:
        with pytest.raises(AttributeError, match="lists what it has"):
            getattr(module, name)
    with pytest.raises(AttributeError, match="did you mean 'softmax'"):
        mg.softmaks  # noqa: B018
