"""Rows that share an image: shares, intervals and near-duplicates count it once, and no row is lost."""

import making
import pandas as pd
import pytest

import auditor
from auditor.annotation.file import Annotation, HumanLabel
from auditor.config import Config, ReadOptions
from auditor.errors import LabelError

CAPTIONS = 5
MARKED = making.png({"parameters": making.A1111})


def images(folder, count=4, marked=1):
    for number in range(count):
        making.write(folder / f"{number}.png", MARKED if number < marked else making.png(seed=number))


def by_path(folder):
    images(folder)
    rows = [(f"{image}.png", f"caption {n}") for n in range(CAPTIONS) for image in range(4)]
    pd.DataFrame(rows, columns=["file_name", "text"]).to_csv(making.write(folder / "metadata.csv", ""), index=False)


def by_path_with_ids(folder):
    images(folder)
    rows = [(n, f"{n % 4}.png", f"caption {n}") for n in range(4 * CAPTIONS)]
    pd.DataFrame(rows, columns=["id", "image", "caption"]).to_json(folder / "rows.jsonl", orient="records", lines=True)


def embedded(folder):
    folder.mkdir()
    data = [MARKED, *(making.png(seed=number) for number in range(1, 4))]
    rows = [{"image": {"bytes": data[n // CAPTIONS], "path": None}, "text": str(n)} for n in range(4 * CAPTIONS)]
    pd.DataFrame(rows).to_parquet(folder / "train.parquet")


def by_two_tables(folder):
    images(folder)
    for name, numbers in (("all", range(4)), ("train", (0, 1, 2)), ("val", (3,))):
        frame = pd.DataFrame({"image": [f"{number}.png" for number in numbers], "caption": name})
        frame.to_csv(folder / f"{name}.csv", index=False)


@pytest.mark.parametrize(
    ("make", "rows"), [(by_path, 20), (by_path_with_ids, 20), (embedded, 20), (by_two_tables, 8)],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_an_image_counts_once_and_its_rows_stay(tmp_path, scan, make, rows):
    make(tmp_path / "set")
    audit = scan(tmp_path / "set")
    assert (audit.counts.rows, audit.counts.ok, audit.counts.repeated_images) == (rows, rows, rows - 4)
    assert (audit.confirmed.count, audit.confirmed.n, audit.confirmed.share) == (1, 4, 0.25)
    assert audit.confirmed.source_interval[1] > 0.8  # of one in four, not of five in twenty
    assert len(auditor.evidence(tmp_path / "audit")) == rows


def test_urls_that_are_listed_twice_are_rows_that_repeat_an_image(tmp_path, scan):
    making.write(
        tmp_path / "urls.csv", "url,text\nhttp://x.org/a.jpg,one\nhttp://x.org/b.jpg,two\nhttp://x.org/a.jpg,three\n"
    )
    counts = scan(tmp_path / "urls.csv").counts
    assert (counts.rows, counts.no_bytes, counts.repeated_images) == (3, 3, 1)


def test_files_with_the_same_content_are_images_of_their_own(tmp_path, scan):
    for name in ("a.png", "b.png"):
        making.write(tmp_path / "set" / name, MARKED)
    audit = scan(tmp_path / "set")
    assert (audit.confirmed.n, audit.counts.repeated_images) == (2, 0)


def test_the_weights_of_rows_with_one_image_add_up(tmp_path, scan):
    images(tmp_path / "set", 2)
    making.write(tmp_path / "set/t.csv", "image,w\n0.png,1\n0.png,2\n1.png,4\n0.png,1\n")
    audit = scan(tmp_path / "set", read=ReadOptions(weight_col="w"))
    assert (audit.confirmed.count, audit.confirmed.n, audit.confirmed.share) == (1, 2, 0.5)


def test_images_of_merged_audits_with_the_same_name_are_not_the_same(tmp_path):
    for name in ("one", "two"):
        images(tmp_path / name, 1)
        making.write(tmp_path / name / f"{name}.png", MARKED)
        auditor.scan(tmp_path / name, out=tmp_path / f"audit-{name}", config=Config.of(), engine="serial")
    merged = auditor.merge([tmp_path / "audit-one", tmp_path / "audit-two"], tmp_path / "both")
    assert (merged.confirmed.n, merged.counts.repeated_images) == (4, 0)


def test_near_duplicates_are_not_found_between_captions_of_one_image(tmp_path, scan):
    by_path(tmp_path / "set")
    audit = scan(tmp_path / "set", keep_vectors=True)
    assert (audit.near_duplicates.n, audit.near_duplicates.in_clusters) == (4, 0)


# ---- labels and keep-lists


def test_labels_are_drawn_for_images_and_count_for_them(tmp_path):
    embedded(tmp_path / "set")
    auditor.scan(tmp_path / "set", out=tmp_path / "audit", config=Config.of(depth="file"), engine="serial")
    drawn = auditor.draw(tmp_path / "audit", 50)
    assert len(drawn) == 3  # of four images, metadata decide one
    labels = [Annotation(each.key, each.stratum, HumanLabel.REAL, "provenance", "A") for each in drawn]
    auditor.write_labels(tmp_path / "labels.csv", labels)
    found = auditor.with_labels(tmp_path / "audit", tmp_path / "labels.csv").estimate
    assert (found.n, found.point) == (3, 0.25)


def test_a_label_of_a_row_that_does_not_count_its_image_is_refused(tmp_path):
    embedded(tmp_path / "set")
    auditor.scan(tmp_path / "set", out=tmp_path / "audit", config=Config.of(depth="file"), engine="serial")
    drawn, evidence = auditor.draw(tmp_path / "audit", 50), auditor.evidence(tmp_path / "audit")
    other = next(key for key in evidence.key[CAPTIONS:] if key not in {each.key for each in drawn})
    auditor.write_labels(tmp_path / "labels.csv", [Annotation(other, "", HumanLabel.REAL, "page", "A")])
    with pytest.raises(LabelError, match="show the image of another row, which counts for both"):
        auditor.with_labels(tmp_path / "audit", tmp_path / "labels.csv")


def test_a_keep_list_counts_images_as_the_audit_does(tmp_path):
    """Three images without evidence of which people labelled one synthetic, with 1, 5 and 9 rows."""
    images(tmp_path / "set", 3, marked=0)
    rows = [(f"{image}-{n}", f"{image}.png") for image, times in enumerate((1, 5, 9)) for n in range(times)]
    pd.DataFrame(rows, columns=["id", "image"]).to_csv(tmp_path / "set/t.csv", index=False)
    auditor.scan(tmp_path / "set", out=tmp_path / "audit", config=Config.of(depth="file"), engine="serial")
    drawn = auditor.draw(tmp_path / "audit", 50)
    labels = [
        Annotation(each.key, each.stratum, HumanLabel.SYNTHETIC if each.key == "2-0" else HumanLabel.REAL, "page", "A")
        for each in drawn
    ]
    auditor.write_labels(tmp_path / "labels.csv", labels)
    config = Config.of(depth="file", labels=str(tmp_path / "labels.csv"))
    audit = auditor.scan(tmp_path / "set", out=tmp_path / "audit", config=config, engine="serial")
    kept = auditor.keep_list(tmp_path / "audit", drop="nothing")
    assert kept.before.point == pytest.approx(audit.estimate.point)
    assert kept.after.point == pytest.approx(audit.estimate.point, abs=1e-6)
    assert kept.rows.weight.to_numpy() == pytest.approx(1 - kept.rows.p_adjusted.to_numpy())


def test_what_one_row_declares_removes_all_rows_of_its_image(tmp_path):
    images(tmp_path / "set", 2, marked=0)
    lines = [f"{image}-{n},{image}.png,{int((image, n) == (1, 3))}" for image in range(2) for n in range(5)]
    making.write(tmp_path / "set/t.csv", "id,image,is_ai\n" + "\n".join(lines) + "\n")
    auditor.scan(tmp_path / "set", out=tmp_path / "audit", config=Config.of(depth="file"), engine="serial")
    kept = auditor.keep_list(tmp_path / "audit")
    assert sorted(kept.rows.key[kept.rows.keep]) == [f"0-{n}" for n in range(5)]
    assert dict(kept.removed) == {"synthetic: declared-column": 5}
