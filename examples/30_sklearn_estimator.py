"""A scikit-learn estimator made of a plain loss: multinomial logistic regression.

The loss is NumPy; `srcgrad.optim.minimize` finds its minimum by SciPy's L-BFGS-B with
the exact gradient, and the class keeps to scikit-learn's rules: its own checks pass.
"""

print("pip install -e '.[data]' && python examples/30_sklearn_estimator.py")

import sys

import numpy as np

import srcgrad

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils.estimator_checks import check_estimator
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:
    print("scikit-learn comes with: pip install scikit-learn")
    raise SystemExit(77) from None


def loss(p, X, onehot, penalty):
    """Return the mean cross-entropy plus a penalty on the weights."""
    scores = X @ p["w"] + p["b"]
    scores = scores - scores.max(axis=1, keepdims=True)
    chosen = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return -np.sum(onehot * chosen) / X.shape[0] + penalty * np.sum(p["w"] ** 2)


class Logistic(ClassifierMixin, BaseEstimator):
    """Logistic regression for any number of classes."""

    def __init__(self, penalty=1e-3, backend="python"):
        self.penalty = penalty
        self.backend = backend  # "numba" compiles, which pays off on larger data

    def fit(self, X, y):
        """Find the weights."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("Logistic needs two classes; the data has one class")
        onehot = np.eye(len(self.classes_))[labels]
        f = srcgrad.differentiable(loss, backend=self.backend)
        features, classes = X.shape[1], onehot.shape[1]
        start = {"w": np.zeros((features, classes)), "b": np.zeros(classes)}
        found = srcgrad.optim.minimize(f, start, X, onehot, self.penalty, tol=1e-9)
        self.coef_, self.intercept_ = found.params["w"], found.params["b"]
        self.n_iter_ = max(found.steps, 1)
        return self

    def predict(self, X):
        """Return the most likely class of each row."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        scores = X @ self.coef_ + self.intercept_
        return self.classes_[scores.argmax(axis=1)]


def main():
    """Cross-validate on real data, then run scikit-learn's checks of estimators."""
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), Logistic())
    scores = cross_val_score(model, X, y, cv=3 if "--small" in sys.argv else 10)
    print(f"breast cancer, {len(X)} samples: {scores.mean():.1%} right, held out")
    results = check_estimator(Logistic(), on_skip=None)
    done = [r["status"] for r in results]
    print(f"scikit-learn's checks: {done.count('passed')} passed, of {len(done)}")


if __name__ == "__main__":
    main()
