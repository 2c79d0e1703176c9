"""Networks as scikit-learn's estimators: for pipelines, grid search and cross-validation."""

try:
    from sklearn.utils.validation import validate_data as _needed  # noqa: F401
except ImportError as error:
    raise ImportError(
        "minigrad.sklearn needs the package scikit-learn, 1.6 or newer: pip install scikit-learn"
    ) from error

from minigrad.sklearn.classifier import MinigradClassifier
from minigrad.sklearn.regressor import MinigradRegressor

__all__ = ["MinigradClassifier", "MinigradRegressor"]
