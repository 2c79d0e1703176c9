"""The pages for readers who know another library: ``python -m tests.idiom_pages`` writes them.

Their tables are those that errors quote (``minigrad/support/idioms.txt``); every line of code in them runs as a test. A
row belongs to JAX or to Keras and TensorFlow where the lists below name it, and else to PyTorch. The head of each page
is a file of ``docs/site/heads``.
"""

from __future__ import annotations

from pathlib import Path

from minigrad.support import idioms

ROOT = Path(__file__).parents[1]

#: Rows of JAX: section and names.
JAX = {
    "Tensor": "at block_until_ready",
    "minigrad": "PRNGKey array asarray device_put device_get devices pmap custom_gradient make_jaxpr eval_shape jit "
    "ShapeDtypeStruct disable_jit debug config block_until_ready tree tree_map tree_util lax "
    "fori_loop switch numpy scipy optax flax haiku",
    "minigrad.random": "PRNGKey key split normal uniform randint permutation choice categorical",
    "minigrad.nn": "Dense Conv Flax compact",
    "minigrad.nn.functional": "swish log_sigmoid",
    "minigrad.optim": "apply_updates ExponentialMovingAverage",
}
#: Rows of Keras and TensorFlow.
KERAS = {
    "Tensor": "assign assign_add assign_sub get_shape eval rank",
    "minigrad": "random_normal constant convert_to_tensor Variable reduce_sum reduce_mean reduce_max cast GradientTape "
    "function keras layers losses optimizers callbacks metrics models initializers datasets saved_model "
    "to_categorical rank print range fill argmax argmin clip_by_value clip_by_global_norm clip_by_norm boolean_mask "
    "tensor_scatter_nd_update tensor_scatter_nd_add gather_nd add_n l2_loss moments experimental map_fn "
    "softmax_cross_entropy_with_logits sparse_softmax_cross_entropy_with_logits sigmoid_cross_entropy_with_logits",
    "minigrad.random": "set_seed",
    "minigrad.nn": "Dense Lambda Activation GaussianNoise LSTMStateTuple",
    "minigrad.optim": "Nadam FTRL ExponentialMovingAverage",
    "minigrad.data": "from_tensor_slices make_csv_dataset Normalization",
    "minigrad.train": "Model LearningRateScheduler TensorBoard BackupAndRestore TerminateOnNaN CategoricalAccuracy "
    "SparseCategoricalAccuracy BinaryAccuracy TopKCategoricalAccuracy AUC",
    "minigrad.viz": "plot_model",
    "Trainer": "metrics_names save_weights load_weights summary",
    "History": "history epoch",
    "Module": "layers get_weights set_weights load_weights save_weights trainable_variables trainable_weights weights "
    "variables count_params evaluate optimizer metrics loss input_shape output_shape build call get_layer fit predict "
    "save compile add trainable",
    "Optimizer": "minimize apply_gradients",
    "keywords": "fit.batch_size fit.shuffle fit.validation_data fit.validation_split fit.verbose fit.class_weight "
    "fit.sample_weight fit.steps_per_epoch fit.initial_epoch fit.x fit.y fit() evaluate.x evaluate.y evaluate() "
    "evaluate.verbose evaluate.sample_weight predict.verbose predict.batch_size evaluate.batch_size "
    "EarlyStopping.restore_best_weights ModelCheckpoint.filepath ModelCheckpoint.save_weights_only "
    "ModelCheckpoint.save_best_only Dropout.rate Linear.activation Conv1d.activation Conv2d.activation use_bias units "
    "filters strides kernel_initializer bias_initializer kernel_regularizer from_logits return_sequences return_state "
    "Embedding.input_dim Embedding.output_dim epsilon beta_1 beta_2 clipnorm global_clipnorm clipvalue "
    "learning_rate compile.jit_compile save.overwrite save.save_format",
}
#: How rows of pandas and scikit-learn begin; those of NumPy and SciPy are a section.
PANDAS = (
    "read_", "random_split.t", "random_split.r", "from_pandas", "train_test_split", "StandardScaler", "accuracy_score",
    "f1_score", "r2_score", "confusion_matrix", "roc_auc_score", "mean_squared_error", "mean_absolute_error",
)  # fmt: skip
#: Names of the two lists that PyTorch has too.
SHARED = set("asarray jit split range fill argmax argmin compile learning_rate".split())

#: The headings of the sections.
TITLES = {
    "Tensor": "Methods and attributes of a tensor", "minigrad": "Functions and modules",
    "minigrad.autograd": "Gradients",
    "minigrad.random": "Random numbers", "minigrad.nn": "Layers and losses",
    "minigrad.nn.functional": "Functions of layers", "minigrad.nn.init": "Initial weights",
    "minigrad.optim": "Optimizers", "minigrad.optim.schedules": "Schedules", "minigrad.data": "Data",
    "minigrad.train": "Training", "minigrad.viz": "Pictures", "Trainer": "Methods of a trainer",
    "History": "What fit returns", "DataLoader": "Attributes of a loader",
    "libraries": "Functions of NumPy and SciPy that know no tensors",
    "Module": "Methods of a model", "Optimizer": "Methods of an optimizer", "keywords": "Options",
}  # fmt: skip

LIBRARIES = {"pytorch": "PyTorch", "jax": "JAX", "keras": "Keras and TensorFlow",
    "pandas": "pandas, scikit-learn, SciPy"}  # fmt: skip


def rows(library: str) -> dict[str, dict[str, str]]:
    """{section: {name: the line to write here}} for one library."""
    found: dict[str, dict[str, str]] = {}
    for section, table in idioms.TABLES.items():
        jax, keras = (set(names.get(section, "").split()) for names in (JAX, KERAS))
        for name, line in table.items():
            pandas = name.startswith(PANDAS) or section == "libraries"
            torch = name not in (jax | keras) - SHARED and not pandas
            if {"jax": name in jax, "keras": name in keras, "pytorch": torch, "pandas": pandas}[library]:
                found.setdefault(section, {})[name] = line
    return found


def page(library: str) -> str:
    """The page of one library."""
    head = (ROOT / "docs" / "site" / "heads" / f"{library}.txt").read_text(encoding="utf-8")
    parts = [head.rstrip()]
    for section, table in rows(library).items():
        parts += ["", f"## {TITLES[section]}", "", f"| {LIBRARIES[library]} | minigrad |", "|---|---|"]
        merged: dict[str, list[str]] = {}
        for name, line in table.items():
            merged.setdefault(line, []).append(name)
        parts += [f"| {', '.join(f'`{name}`' for name in names)} | {_cell(line)} |" for line, names in merged.items()]
    return "\n".join([*parts, ""])


def _cell(line: str) -> str:
    """A line of Python and its reason, as a cell."""
    code, _, reason = (part.strip() for part in line.partition("#"))
    cell = f"`{code}`" if code else ""
    return f"{cell}{': ' if cell and reason else ''}{reason}".replace("|", "\\|")


def path(library: str) -> Path:
    """Where the page of a library is."""
    return ROOT / "docs" / f"from-{library}.md"


if __name__ == "__main__":  # pragma: no cover
    for each in LIBRARIES:
        path(each).write_text(page(each), encoding="utf-8")
