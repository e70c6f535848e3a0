"""The model in the package: it answers as it did where it was made, and its numbers are those of the kept scores."""

import json
import re
from pathlib import Path

import making
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from auditor.embeddings import embedded_encoder, preparation, whitening
from auditor.embeddings.embedded_encoder import EMBEDDED, EmbeddedEncoder, embedded, shipped_calibration
from auditor.errors import ModelError
from auditor.estimate import score_distributions
from auditor.estimate.calibration import FALSE_NEGATIVES, FALSE_POSITIVES
from auditor.types import Need
from detectors import classifier

ROOT = Path(__file__).parents[1]
OOF = ROOT / "training" / "oof.parquet"
CARD = (EMBEDDED / "CARD.md").read_text()
pytestmark = pytest.mark.encoder


@pytest.fixture(scope="module")
def scores():
    return pd.read_parquet(OOF)


def test_it_loads_which_checks_its_digest_and_its_answers():
    assert embedded().dimension == 512
    assert (EMBEDDED / "encoder.onnx").stat().st_size < 95e6


def nearest(image, size):
    return np.asarray(image.resize((size, size), Image.Resampling.NEAREST))[None]


def cut(image, size):
    return np.asarray(image.crop((0, 0, size, size)))[None]


@pytest.mark.parametrize("otherwise", [nearest, cut])
def test_an_image_prepared_otherwise_is_noticed_when_it_loads(monkeypatch, otherwise):
    monkeypatch.setattr(embedded_encoder.preparation, "squashed", otherwise)
    with pytest.raises(ModelError, match="outputs differ from parity"):
        EmbeddedEncoder(EMBEDDED)


def test_an_answer_does_not_depend_on_its_neighbours():
    images = [making.pixels(width=200 + 40 * n, height=300, seed=n) for n in range(3)]
    together = embedded().encode(images)
    for image, encoding in zip(images, together, strict=True):
        (alone,) = embedded().encode([image])
        assert (alone.tokens == encoding.tokens).all()
        assert (alone.vector == encoding.vector).all()


def test_the_same_picture_has_the_same_answer_again_and_from_another_copy_of_the_model():
    image = making.pixels(width=240, height=300)
    answers = [encoder.encode([image])[0] for encoder in (embedded(), embedded(), EmbeddedEncoder(EMBEDDED))]
    for answer in answers[1:]:
        assert (answer.tokens == answers[0].tokens).all()
        assert (answer.vector == answers[0].vector).all()


def test_a_vector_knows_a_changed_copy_from_another_image():
    one = making.pixels(width=400, height=300)
    other = np.stack([np.tile(np.linspace(0, 255, 400), (300, 1)).astype(np.uint8)] * 3, axis=2)
    copy = np.asarray(Image.fromarray(one).resize((300, 225)))
    a, b, c = (encoding.vector for encoding in embedded().encode([one, copy, other]))
    assert a @ b > a @ c + 0.02


def test_unrelated_images_have_a_cosine_of_0_in_the_shipped_whitening(data):
    folders = sorted(path for path in (data / "sample").glob("*/*") if path.is_dir())
    files = [path for folder in folders for path in sorted(folder.rglob("*.*"))[:2]]
    assert len(files) > 20
    images = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    vectors = np.stack([encoding.vector for encoding in embedded().encode(images)])
    fingerprint, space = whitening.shipped()
    assert fingerprint == embedded().fingerprint
    pairs = np.triu_indices(len(files), 1)
    whitened = space.transform(vectors)
    assert abs(float((whitened @ whitened.T)[pairs].mean())) < 0.1
    assert float((vectors @ vectors.T)[pairs].mean()) > 0.4


def test_the_calibration_holds_the_kept_scores_and_no_others(scores):
    known, counted = shipped_calibration(), 0
    for (name, label, source), group in scores.groupby(["condition", "label", "source"], observed=True):
        condition = known.conditions[name]
        own = (condition.synthetic if label else condition.real)[source]
        assert own == pytest.approx(sorted(group.score), abs=1e-4)
        counted += len(own)
    assert counted == len(scores) == sum(
        len(own) for x in known.conditions.values() for side in (x.real, x.synthetic) for own in side.values()
    )  # fmt: skip


def test_sources_of_a_group_were_left_out_together(scores):
    assert scores.groupby("source", observed=True).group.nunique().eq(1).all()
    assert scores.group.nunique() > 600


def test_its_words_are_as_rare_as_they_say(scores):
    known = shipped_calibration()
    for _, group in scores.groupby("condition", observed=True):
        score = group.score.astype(float).round(4)  # as the file has them: one may lie on a threshold
        flagged = score >= known.likely_synthetic
        real = flagged[group.label == 0].groupby(group.source, observed=True).mean().dropna().mean()
        cleared = score < known.likely_real
        synthetic = cleared[group.label == 1].groupby(group.source, observed=True).mean().dropna().mean()
        assert real <= FALSE_POSITIVES + 1e-3
        assert synthetic <= FALSE_NEGATIVES + 1e-3


def test_the_cards_tables_are_made_from_the_kept_scores(scores):
    tables = pytest.importorskip("training.tables", reason="the training's own dependencies are not installed")
    assert tables.aims(scores) in CARD
    assert tables.by_kind(scores, 0) in CARD
    assert tables.by_kind(scores, 1) in CARD


def test_the_card_and_the_preparation_belong_to_the_weights_beside_them():
    assert shipped_calibration().sha256 in CARD
    assert not re.findall(r"\{\w*\}", CARD), "a placeholder that nothing was put in for"
    assert json.loads((EMBEDDED / "preprocessing.json").read_text()) == preparation.described(224)


@pytest.mark.parametrize("depth", [Need.ROW, Need.FILE])
def test_a_scan_that_decodes_nothing_loads_no_model(tmp_path, scan, monkeypatch, depth):
    def loaded(*_):
        raise AssertionError("the model was loaded, or its scores predicted")

    monkeypatch.setattr(classifier, "embedded", loaded)
    monkeypatch.setattr(score_distributions, "predict", loaded)
    making.write(tmp_path / "set/a.jpg", making.encoded())
    audit = scan(tmp_path / "set", depth=depth)
    assert audit.counts.rows == 1
