"""The model in the package: it answers as it did where it was made, and its numbers are those of the kept scores."""

import json
from pathlib import Path

import making
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from auditor.embedding import encoders
from auditor.embedding.encoders import EMBEDDED, EmbeddedEncoder, embedded
from auditor.errors import ModelError
from auditor.estimate.calibration import FALSE_NEGATIVES, FALSE_POSITIVES, parse
from auditor.estimate.zero import Zero

ROOT = Path(__file__).parents[1]
OOF = ROOT / "training" / "oof.parquet"


@pytest.fixture(scope="module")
def scores():
    return pd.read_parquet(OOF)


@pytest.fixture(scope="module")
def calibration():
    return parse((EMBEDDED / "calibration.json").read_text())


def test_it_loads_which_checks_its_digest_and_its_answers():
    assert embedded().dimension == 512
    assert (EMBEDDED / "model.onnx").stat().st_size < 25e6


@pytest.mark.parametrize(
    ("step", "otherwise"),
    [
        ("_reduced", lambda image, longest: image),
        ("_reduced", lambda image, longest: image.resize((longest, longest * image.height // image.width), 0)),
        ("_centre", lambda image, size: image.crop((0, 0, size, size))),
        ("_centre", lambda image, size: image.resize((size, size))),
    ],
)
def test_an_image_prepared_otherwise_is_noticed_when_it_loads(monkeypatch, step, otherwise):
    monkeypatch.setattr(encoders, step, otherwise)
    with pytest.raises(ModelError, match="answers differ"):
        EmbeddedEncoder(EMBEDDED)


def test_an_answer_does_not_depend_on_its_neighbours():
    images = [making.pixels(width=200 + 40 * n, height=300, seed=n) for n in range(5)]
    together = embedded().encode(images)
    for image, encoding in zip(images, together, strict=True):
        (alone,) = embedded().encode([image])
        assert alone.logit == pytest.approx(encoding.logit, abs=1e-3)
        assert float(alone.vector @ encoding.vector) == pytest.approx(1, abs=1e-4)


def test_a_vector_knows_a_changed_copy_from_another_image():
    one = making.pixels(width=400, height=300)
    other = np.stack([np.tile(np.linspace(0, 255, 400), (300, 1)).astype(np.uint8)] * 3, axis=2)
    copy = np.asarray(Image.fromarray(one).resize((300, 225)))
    a, b, c = (encoding.vector for encoding in embedded().encode([one, copy, other]))
    assert a @ b > a @ c + 0.02


def test_the_counts_are_those_of_the_kept_scores(scores, calibration):
    assert scores.groupby("fold").model.nunique().eq(1).all()
    for (name, label, source), group in scores.groupby(["condition", "label", "source"], observed=True):
        condition = calibration.conditions[name]
        counts = (condition.synthetic if label else condition.real)[source]
        assert counts.n == len(group)
        # the file's thresholds are rounded; a score can lie on one
        above = [(group.score >= threshold).sum() for threshold in calibration.thresholds]
        assert np.abs(np.array(counts.above) - above).max() <= 1
    counted = sum(c.n for x in calibration.conditions.values() for c in (*x.real.values(), *x.synthetic.values()))
    assert counted == len(scores)


def test_its_zero_is_that_of_the_kept_scores(scores, calibration):
    training = pytest.importorskip("training.calibration", reason="the training's own dependencies are not installed")
    assert calibration.zero == Zero(**training.zero(scores))
    assert len(calibration.zero.means) == scores.fold.nunique()


def test_no_source_and_no_generator_was_scored_by_a_model_that_saw_it(scores):
    assert scores.groupby(["label", "source"], observed=True).fold.nunique().eq(1).all()
    named = scores[(scores.label == 1) & (scores.generator != "")]
    assert named.groupby("generator", observed=True).fold.nunique().eq(1).all()


def test_its_words_are_as_rare_as_they_say(scores, calibration):
    for _, group in scores.groupby("condition", observed=True):
        flagged = group.score >= calibration.likely_synthetic
        real = flagged[group.label == 0].groupby(group.source, observed=True).mean().dropna().mean()
        cleared = group.score < calibration.likely_real
        synthetic = cleared[group.label == 1].groupby(group.source, observed=True).mean().dropna().mean()
        assert real <= FALSE_POSITIVES + 1e-3
        assert synthetic <= FALSE_NEGATIVES + 1e-3


def test_the_cards_table_is_made_from_the_kept_scores(scores):
    metrics = pytest.importorskip("training.metrics", reason="the training's own dependencies are not installed")
    card = (EMBEDDED / "CARD.md").read_text()
    for name in ("jpeg75", "img2dataset256"):
        row = next(line for line in card.splitlines() if line.startswith(f"| {name} | 3,900"))
        assert f"{metrics.balanced_auroc(scores[scores.condition == name]):.3f}" in row


def test_the_card_names_the_weights_that_lie_beside_it(calibration):
    assert calibration.sha256 in (EMBEDDED / "CARD.md").read_text()
    assert json.loads((EMBEDDED / "preprocessing.json").read_text())["input"]["size"] == 224
