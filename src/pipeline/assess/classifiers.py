"""Classifiers that look for any difference between two classes."""

import numpy as np

from pipeline.assess.crossvalidation import Scorer


def classifier(kind: str, trees: int, seed: int) -> Scorer:
    """Return a scorer: a random `forest`, or a `logistic` regression on standardised features.

    Missing values (NaN) take the mean of the training rows.
    """

    def score(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
        known = np.isfinite(train)
        mean = np.sum(train, axis=0, where=known) / np.maximum(known.sum(axis=0), 1)
        train, test = np.where(known, train, mean), np.where(np.isfinite(test), test, mean)
        if kind == "forest":
            from sklearn.ensemble import RandomForestClassifier  # a second, here and below: one of the two is needed

            model = RandomForestClassifier(
                n_estimators=trees, min_samples_leaf=5, class_weight="balanced", random_state=seed % 2**32, n_jobs=1
            )
        else:
            from sklearn.linear_model import LogisticRegression
            from sklearn.pipeline import make_pipeline
            from sklearn.preprocessing import StandardScaler

            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000))
        model.fit(train, labels)
        return model.predict_proba(test)[:, 1]

    return score
