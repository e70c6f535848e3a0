"""Simple classifiers on ready features, under the folds: what the model has to beat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from training.folds import FOLDS, training_files
from training.listing import File
from training.weights import image_weights

Scorer = Callable[[np.ndarray], np.ndarray]
Fit = Callable[[np.ndarray, np.ndarray, np.ndarray], Scorer]


@dataclass(frozen=True, slots=True)
class Rows:
    """Features of images, a row each; a path may come more than once."""

    paths: list[str]
    features: np.ndarray

    def of(self, wanted: set[str]) -> Rows:
        """Those rows alone."""
        keep = [index for index, path in enumerate(self.paths) if path in wanted]
        return Rows([self.paths[index] for index in keep], self.features[keep])


def linear(features: np.ndarray, label: np.ndarray, weight: np.ndarray, *, strength: float = 0.0003) -> Scorer:
    """Logistic regression on standardised features, ridge of a fixed strength."""
    scaler = StandardScaler().fit(features, sample_weight=weight)
    model = LogisticRegression(C=strength, max_iter=300)
    model.fit(scaler.transform(features), label, sample_weight=weight)
    return lambda rows: np.asarray(model.decision_function(scaler.transform(rows)))


def mlp(features: np.ndarray, label: np.ndarray, weight: np.ndarray) -> Scorer:
    """One hidden layer of 128, few epochs; sources are balanced by drawing rows by their weight."""
    rng = np.random.default_rng(7)
    rows = rng.choice(len(label), 30_000, p=weight / weight.sum())
    scaler = StandardScaler().fit(features, sample_weight=weight)
    model = MLPClassifier((128,), alpha=0.01, batch_size=256, max_iter=6, random_state=7)
    model.fit(scaler.transform(features[rows]), label[rows])
    return lambda rows: np.diff(model.predict_log_proba(scaler.transform(rows)), axis=1)[:, 0]


def trees(features: np.ndarray, label: np.ndarray, weight: np.ndarray) -> Scorer:
    """Boosted trees, for features that are no directions."""
    model = HistGradientBoostingClassifier(max_iter=150, learning_rate=0.08, random_state=7)
    model.fit(features, label, sample_weight=weight)
    return lambda rows: np.asarray(model.decision_function(rows))


def out_of_fold(files: list[File], train: Rows, tests: dict[str, Rows], fit: Fit, name: str) -> pd.DataFrame:
    """Scores of every test row by the model that saw nothing of its source or generator."""
    frames = []
    for fold in range(FOLDS):
        score = _fitted(training_files(files, fold), train, fit)
        held = {file.path: file for file in files if file.fold == fold}
        for condition, test in tests.items():
            rows = test.of(set(held))
            if rows.paths:
                frames.append(frame(rows.paths, held, score(rows.features), condition, name))
    return pd.concat(frames, ignore_index=True)


def _fitted(seen: list[File], train: Rows, fit: Fit) -> Scorer:
    rows = train.of({file.path for file in seen})
    label, weight = labels_and_weights(seen, rows.paths)
    return fit(rows.features, label, weight)


def labels_and_weights(seen: list[File], paths: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Label and weight of rows: breadth over bulk, an image's weight shared by its rows, the classes even."""
    by_image, label_of = image_weights(seen), {file.path: file.label for file in seen}
    label = np.array([label_of[path] for path in paths])
    times = Counter(paths)
    weight = np.array([by_image[path] / times[path] for path in paths])
    for side in (0, 1):
        weight[label == side] /= weight[label == side].sum()
    return label, weight * len(paths) / 2


def frame(paths: list[str], files: dict[str, File], scores: np.ndarray, condition: str, model: str) -> pd.DataFrame:
    """The columns of every table of out-of-fold scores."""
    held = [files[path] for path in paths]
    return pd.DataFrame(
        {
            "path": paths,
            "source": [file.source for file in held],
            "generator": [file.generator for file in held],
            "label": [file.label for file in held],
            "condition": condition,
            "fold": [file.fold for file in held],
            "score": np.asarray(scores, dtype=np.float32),
            "model": model,
        }
    )
