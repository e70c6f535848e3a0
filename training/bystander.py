"""Fits the branch of the logit that training does not touch: a strongly shrunk linear head on ImageNet features."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from training.backbone import load_backbone
from training.config import Places
from training.embed import FrozenFeatures, load_view_vectors
from training.listing import File
from training.probes import Rows, labels_and_weights
from training.recipes import Recipe
from training.store import Views
from training.student import Bystander

STRENGTH = 0.0003


def bystander(seen: list[File], places: Places, recipe: Recipe) -> Bystander:
    """The branch, from whole views of these images alone; its logit is scaled by the recipe's factor."""
    views = Views(places.cache / "pack")
    vectors = load_view_vectors(places.cache / "frozen", views, width=FrozenFeatures.width)
    known = np.isfinite(vectors[:, 0]) & views.table["path"].isin({file.path for file in seen}).to_numpy()
    rows = Rows(views.table["path"][known].tolist(), vectors[known].astype(np.float32))
    label, weight = labels_and_weights(seen, rows.paths)
    scaler = StandardScaler().fit(rows.features, sample_weight=weight)
    model = LogisticRegression(C=STRENGTH, max_iter=300)
    model.fit(scaler.transform(rows.features), label, sample_weight=weight)
    slope = model.coef_[0] / scaler.scale_
    bias = float(model.intercept_[0] - slope @ scaler.mean_)
    trunk = load_backbone(recipe.trunk, places.weights).eval()
    shared = sum(end < recipe.frozen for end in trunk.stage_ends)
    branch = Bystander(trunk, torch.from_numpy(recipe.bystander * slope).float(), recipe.bystander * bias, shared)
    return branch.eval()
