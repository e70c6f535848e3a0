"""Real files, where they are at hand: what is found, what is not, and that no row is lost."""

import csv
import io
import shutil
import tarfile

import pandas as pd
import pytest

import auditor
from auditor.config import Config
from auditor.types import Need

pytestmark = pytest.mark.system

GENERATORS = {
    "a1111_png": "AUTOMATIC1111",
    "a1111_webp": "AUTOMATIC1111",
    "comfyui": "ComfyUI",
    "comfyui_png": "ComfyUI",
    "comfyui_webp_exif": "ComfyUI",
}

# All but the one that decides no image, and embeds each: an eighth of a second.
DECIDING = tuple(id for id in Config().scan.detectors if id != "classifier")


@pytest.mark.parametrize(
    ("form", "config"),
    [("imagefolder", Config.of(detectors=DECIDING)), ("folder", Config.of(input_format="folder", depth=Need.FILE))],
)
def test_no_image_of_the_sample_is_lost_and_no_real_one_flagged(data, tmp_path, form, config):
    audit = auditor.scan(data / "sample", out=tmp_path / "out", config=config, engine="serial")
    assert audit.inputs[0].format == form
    assert (audit.counts.rows, audit.counts.ok) == (339, 339)
    evidence = auditor.evidence(tmp_path / "out")
    assert evidence.key.is_unique
    real = evidence[evidence.image.str.startswith("real/")]
    assert len(real) == 144
    assert not {"synthetic", "edited"} & set(real.verdict)


def signals(evidence, names):
    """Signals by the image's content, so that renamed copies compare; file-name priors look at names and are left out."""
    return {
        row.sha256: sorted(
            (s["detector"], s["score"], s["tier"], s["claim"], s["generator"])
            for s in row.signals
            if s["detector"] not in names
        )
        for row in evidence.itertuples()
    }


def test_ground_truth_is_never_read_as_evidence(data, tmp_path):
    """At the depth of files: what looks at pixels sees nothing else."""
    blind = tmp_path / "blind"
    blind.mkdir()
    with (data / "sample/metadata.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (blind / "metadata.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", "text"])
        for number, row in enumerate(rows):
            name = f"{number:04d}.{row['file_name'].rpartition('.')[2]}"
            shutil.copyfile(data / "sample" / row["file_name"], blind / name)
            writer.writerow([name, row["text"]])
    told, untold = tmp_path / "told", tmp_path / "untold"
    for dataset, out in ((data / "sample", told), (blind, untold)):
        auditor.scan(dataset, out=out, config=Config.of(depth=Need.FILE), engine="serial")
    seen = signals(auditor.evidence(told), {"file-name-prior"})
    assert any(seen.values())
    assert signals(auditor.evidence(untold), {"file-name-prior"}) == seen


@pytest.fixture(scope="module")
def provenance(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("provenance")
    auditor.scan(data / "provenance", out=out, config=Config.of(detectors=DECIDING), engine="serial")
    return auditor.evidence(out)


@pytest.mark.parametrize("source", GENERATORS)
def test_files_that_say_where_they_come_from_are_declared(provenance, source):
    rows = provenance[provenance.source == source]
    assert len(rows) > 1
    assert set(rows.verdict) == {"synthetic"}
    for row in rows.itertuples():
        decided = next(s for s in row.signals if s["detector"] == row.decided_by)
        assert (decided["evidence"], decided["generator"]) == ("declared", GENERATORS[source])


def test_manifests_without_an_ai_claim_are_not_flagged(provenance):
    rows = provenance[provenance.source == "c2pa_without_ai"]
    assert len(rows) == 20
    assert not {"synthetic", "edited"} & set(rows.verdict)


def rows_of(path) -> int:
    """How many rows a manifest has, by other means than ours."""
    if path.suffix == ".parquet":
        return len(pd.read_parquet(path))
    if path.suffix == ".tsv":
        return len(pd.read_csv(path, sep="\t", header=None))
    with tarfile.open(path) as archive:
        return len({name.partition(".")[0] for name in archive.getnames()})


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("cc3m__Validation_GCC-1.1.0.tsv", "no_bytes"),
        ("img2dataset__test_10000.parquet", "no_bytes"),
        ("img2dataset__sample_image.parquet", "no_bytes"),
        ("data-juicer__demo-dataset-images-bytes.parquet", "ok"),
        ("clip-retrieval__image1.tar", "ok"),
        ("clip-retrieval__image2.tar", "ok"),
        ("webdataset__tendata.tar", "unreadable"),
    ],
)
def test_real_manifests_are_read_row_by_row(data, scan, name, status):
    path = data / "manifests" / name
    counts = scan(path).counts
    assert counts.rows == rows_of(path)
    assert getattr(counts, status) == counts.rows


def test_all_manifests_together_lose_nothing(data, scan):
    paths = sorted((data / "manifests").iterdir())
    assert scan(*paths).counts.rows == sum(map(rows_of, paths))


def test_reencoding_removes_what_files_declare_and_the_coverage_says_so(data, tmp_path, scan):
    from PIL import Image

    with tarfile.open(tmp_path / "00000.tar", "w") as archive:
        keys = []
        for number, path in enumerate(sorted((data / "provenance/comfyui").iterdir())):
            out = io.BytesIO()
            with Image.open(path) as image:
                image.convert("RGB").resize((256, 256)).save(out, "JPEG", quality=95)
            info = tarfile.TarInfo(f"{number:09d}.jpg")
            info.size = len(out.getvalue())
            archive.addfile(info, io.BytesIO(out.getvalue()))
            keys.append(
                {
                    "key": f"{number:09d}",
                    "status": "success",
                    "error_message": None,
                    "url": f"http://x.org/{number}",
                    "sha256": "0",
                }
            )
    pd.DataFrame(keys).to_parquet(tmp_path / "00000.parquet")
    audit = scan(tmp_path)
    assert audit.confirmed.count == 0
    assert audit.coverage["declared"].evaluable == 0
    assert audit.coverage["prior"].evaluable == audit.counts.rows
