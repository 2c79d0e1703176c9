"""What the site consists of: its sections, and the pages in each, in their order. It needs no tool of the site."""

from __future__ import annotations

#: A page, and the pages below it in the menu, by their path in docs/ without ".md".
SECTIONS: dict[str, list[str]] = {
    "start": [],
    "course": [
        "course/dense", "course/relu", "course/softmax", "course/loss", "course/combined", "course/network",
        "course/sgd", "course/decay", "course/momentum", "course/adagrad", "course/rmsprop", "course/adam",
        "course/regularization", "course/dropout", "course/binary", "course/regression", "course/model",
        "course/batches", "course/saving",
    ],
    "how-it-works": ["architecture", "explain", "conventions", "performance", "decisions/README"],
    "how-to": [
        "own-csv", "layers", "sequences", "optimizers", "training", "scaling-out", "data", "files", "transforms",
        "compile", "testing", "scipy", "sklearn", "terminal",
    ],
    "coming-from": ["from-pytorch", "from-jax", "from-keras", "from-pandas", "from-autograd"],
    "reference": ["api", "operations", "numpy", "errors"],
    "gallery": [
        "examples/spiral", "examples/digits_cnn", "examples/char_transformer", "examples/sequence_rnn",
        "examples/autoencoder", "examples/regression", "examples/physics_informed", "examples/science",
        "examples/custom_op",
    ],
}  # fmt: skip

#: Pages below pages of a section.
BELOW = {
    "decisions/README": ["decisions/0*"],
    "errors": ["errors/*"],
}  # fmt: skip

#: Pages of the project beside docs/.
PROJECT = ["README", "CHANGELOG", "CONTRIBUTING"]
