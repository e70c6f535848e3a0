"""Examples with small pictures: what is in them, when they are made, what they cost."""

import io

import making
import numpy as np
import pytest
from PIL import Image

from auditor import audit
from auditor.config import Config
from auditor.errors import EvidenceError
from auditor.gallery import thumbnails
from auditor.images.view import View
from auditor.plugin import SUSPICIOUS
from auditor.readers import choose
from auditor.storage.content import BytesContent
from auditor.types import Need, Sample


@pytest.fixture
def scanned(tmp_path):
    """scanned(folder, examples=…): the examples that a scan keeps."""

    def run(folder, *, examples=50, out="audit", **config):
        audit.run_audit(folder, tmp_path / out, Config.of(**config), audit.make_engine(1, "serial"), examples=examples)
        return thumbnails.load(tmp_path / out)

    return run


@pytest.fixture
def folder(tmp_path):
    for number in range(6):
        texts = {"parameters": making.A1111} if number % 2 else {}
        making.write(tmp_path / "set" / f"{number}.png", making.png(texts, width=300, height=200, seed=number))
    making.write(tmp_path / "set" / "broken.png", making.png()[:60])
    return tmp_path / "set"


def test_a_scan_keeps_pictures_of_its_examples(folder, scanned):
    found = scanned(folder, detectors=("generator-text",))
    assert {(example.group, example.row.key) for example in found} == {
        (group, f"{n}.png") for n in (1, 3, 5) for group in ("generator-text", SUSPICIOUS)
    }
    for example in found:
        with Image.open(io.BytesIO(example.thumbnail)) as image:
            large = example.group == SUSPICIOUS
            assert (image.format, image.size) == ("WEBP", (256, 171) if large else (96, 64))


def test_no_examples_leave_no_gallery(folder, scanned, tmp_path):
    assert scanned(folder, detectors=("generator-text",))
    assert scanned(folder, examples=0, detectors=("generator-text",)) == ()
    assert not (tmp_path / "audit" / thumbnails.FILE).exists()


def test_an_audit_that_opens_no_image_makes_no_picture(folder, scanned):
    found = scanned(folder, detectors=("generator-text",), depth=Need.FILE)
    assert found
    assert all(example.thumbnail is None and "not opened" in example.no_thumbnail_reason for example in found)


def test_an_image_outside_the_sample_is_not_opened_for_its_picture(folder, scanned):
    found = scanned(folder, detectors=("generator-text", "dalle2-bar"), sample=2)
    pictures = {example.row.key: example.thumbnail for example in found}
    assert set(pictures) == {"1.png", "3.png", "5.png"}  # what files declare is seen on every row
    assert 0 < sum(picture is None for picture in pictures.values()) <= 3
    assert all((example.thumbnail is None) == ("not in the sample" in example.no_thumbnail_reason) for example in found)


def test_a_gallery_of_the_same_evidence_is_kept(folder, scanned, tmp_path):
    scanned(folder, detectors=("generator-text",))
    path = tmp_path / "audit" / thumbnails.FILE
    before = path.stat().st_ino
    scanned(folder, detectors=("generator-text",))
    assert path.stat().st_ino == before
    making.write(folder / "new.png", making.png({"parameters": making.A1111}))
    assert "new.png" in {example.row.key for example in scanned(folder, detectors=("generator-text",))}


def test_the_gallery_is_no_evidence(folder, scanned, tmp_path):
    scanned(folder, detectors=("generator-text",))
    assert sum(part.rows for part in thumbnails.Store(tmp_path / "audit").parts()) == 7
    assert not list((tmp_path / "audit" / "evidence").glob("*gallery*.parquet"))


def test_a_thumbnail_holds_pixels_and_nothing_else(folder, scanned):
    for example in scanned(folder, detectors=("generator-text",)):
        assert b"Steps: 20" not in example.thumbnail


def test_a_noisy_picture_is_not_heavier_than_its_limit():
    import numpy as np

    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    for side, most in thumbnails._MAX_BYTES.items():
        assert len(thumbnails.small(noise, side)) <= most


@pytest.mark.parametrize("shape", [(1, 4000, 3), (4000, 1, 3), (3, 3, 3)])
def test_odd_shapes_have_thumbnails(shape):
    import numpy as np

    with Image.open(io.BytesIO(thumbnails.small(np.zeros(shape, np.uint8)))) as image:
        assert max(image.size) <= thumbnails.SIDE


def test_a_dataset_that_went_away_costs_its_pictures_only(folder, tmp_path):
    config = Config.of(detectors=("generator-text",))
    made = audit.run_audit(folder, tmp_path / "audit", config, audit.make_engine(1, "serial"))
    parts = list(thumbnails.Store(tmp_path / "audit").parts())
    shards = [s for input, reader in choose(folder, config.scan.read) for s in reader.shards(input)]
    for path in folder.glob("*.png"):
        path.unlink()
    thumbnails.save_gallery(tmp_path / "audit", parts, shards, thumbnails.Opening(config.scan.limits), 50, "x", made)
    found = thumbnails.load(tmp_path / "audit")
    assert len(found) == 6
    assert all(example.thumbnail is None and example.no_thumbnail_reason for example in found)


def test_a_damaged_gallery_says_what_to_do(tmp_path):
    making.write(tmp_path / thumbnails.FILE, b"nothing")
    with pytest.raises(EvidenceError, match="scan again"):
        thumbnails.load(tmp_path)


def test_merged_audits_show_examples_of_both(folder, scanned, tmp_path):
    import auditor

    making.write(tmp_path / "other" / "far.png", making.png({"parameters": making.A1111}))
    for name, path in (("one", folder), ("two", tmp_path / "other")):
        config = Config.of(detectors=("generator-text",))
        found = audit.run_audit(path, tmp_path / name, config, audit.make_engine(1, "serial"), examples=50)
        auditor.write(found, auditor.decide(found), tmp_path / name)
    auditor.merge([tmp_path / "one", tmp_path / "two"], tmp_path / "both")
    assert {example.row.key for example in thumbnails.load(tmp_path / "both")} == {"1.png", "3.png", "5.png", "far.png"}


@pytest.mark.parametrize(("format", "mode"), [("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGB")])
def test_a_thumbnail_of_a_reduced_image_looks_like_that_of_the_image(format, mode):
    image = making.picture(width=1600, height=1200).convert(mode)
    out = io.BytesIO()
    image.save(out, format, exif=making.exif({0x0112: 6}))
    view = View(Sample("a", ".", "a", content=BytesContent(out.getvalue())))
    reduced = view.for_thumbnail(2 * thumbnails.SIDE)
    assert min(reduced.shape[:2]) >= 2 * thumbnails.SIDE
    assert (reduced.size < view.upright.size) == (format == "JPEG")
    small = [np.asarray(Image.fromarray(pixels).resize((72, 96)), float) for pixels in (reduced, view.upright)]
    assert np.abs(small[0] - small[1]).mean() < 3
