import hashlib
import json

import making
import pandas as pd
import pytest

from auditor.types import Sample, Status, Unreadable

JPEG = making.encoded(width=256, height=256)
EXIF = json.dumps(
    {"Image Make": "NIKON", "Image Software": "Midjourney 6", "EXIF DateTimeOriginal": "2014:01:02 00:00:00"}
)


def row(number, status="success", **more):
    return {
        "url": f"http://x{number}.org/a.jpg",
        "caption": f"caption {number}",
        "key": f"{number:09d}",
        "status": status,
        "error_message": None if status == "success" else "404 Not Found",
        "width": 256,
        "height": 256,
        "original_width": 800,
        "original_height": 600,
        "exif": "{}",
        "sha256": "0" * 64,
        **more,
    }


ROWS = [row(0), row(1, "failed_to_download"), row(2, exif=EXIF), row(3, "failed_to_resize"), row(4)]


@pytest.fixture(params=["files", "webdataset", "parquet"])
def dataset(request, tmp_path):
    """The same five rows in each form that img2dataset writes: two failed, three with an image."""
    frame = pd.DataFrame(ROWS)
    good = [entry for entry in ROWS if entry["status"] == "success"]
    making.write(tmp_path / "00000_stats.json", json.dumps({"count": 5, "successes": 3}))
    if request.param == "parquet":
        frame["jpg"] = [JPEG if entry["status"] == "success" else None for entry in ROWS]
        frame.to_parquet(tmp_path / "00000.parquet")
        return tmp_path
    frame.to_parquet(tmp_path / "00000.parquet")
    members = []
    for entry in good:
        sidecar = json.dumps(entry).encode()
        members += [
            (f"{entry['key']}.jpg", JPEG),
            (f"{entry['key']}.txt", entry["caption"].encode()),
            (f"{entry['key']}.json", sidecar),
        ]
    if request.param == "webdataset":
        making.tar(tmp_path / "00000.tar", members)
    else:
        for name, data in members:
            making.write(tmp_path / "00000" / name, data)
    return tmp_path


def test_every_form_gives_the_same_rows(dataset, read_all):
    reader, rows = read_all(dataset)
    assert reader == "img2dataset"
    found = {row.key: row for row in rows}
    assert sorted(found) == [f"{n:09d}" for n in range(5)]
    assert found["000000000"].caption == "caption 0"
    assert found["000000000"].source == "x0.org"
    assert found["000000001"].status is Status.FAILED
    assert found["000000001"].reason == "failed_to_download: 404 Not Found"
    assert found["000000003"].reason.startswith("failed_to_resize")
    assert all(found[f"{n:09d}"].content.read(1 << 20) == JPEG for n in (0, 2, 4))


def test_reencoded_images_can_be_looked_at_only_through_their_exif_column(dataset, scan):
    audit = scan(dataset)
    assert (audit.counts.ok, audit.counts.failed) == (3, 2)
    looked = {id: tally.evaluable for id, tally in audit.detectors.items()}
    assert looked["generator-text"] == looked["c2pa"] == looked["digital-source-type"] == 0
    assert looked["creator-tags"] == 3
    assert audit.confirmed.count == 1
    assert audit.confirmed.generators == {"Midjourney": 1}


def test_the_year_of_capture_comes_from_the_exif_column(dataset, scan):
    years = {s.value: s.rows for s in scan(dataset).subgroups if s.by == "year"}
    assert years["2014"] == 1


def test_an_image_whose_hash_is_the_originals_was_not_reencoded(tmp_path, scan):
    frame = pd.DataFrame([row(0, sha256=hashlib.sha256(JPEG).hexdigest())])
    frame.to_parquet(tmp_path / "00000.parquet")
    making.tar(tmp_path / "00000.tar", [("000000000.jpg", JPEG)])
    assert scan(tmp_path).detectors["generator-text"].evaluable == 1


def test_an_image_that_still_says_something_of_itself_was_not_reencoded(tmp_path, scan):
    frame = pd.DataFrame([row(0)])
    frame.to_parquet(tmp_path / "00000.parquet")
    making.tar(tmp_path / "00000.tar", [("000000000.png", making.png({"parameters": making.A1111}))])
    assert scan(tmp_path).confirmed.generators == {"AUTOMATIC1111": 1}


def test_rows_that_are_listed_but_not_in_the_shard_are_unreadable(tmp_path, read_all):
    pd.DataFrame([row(0), row(1)]).to_parquet(tmp_path / "00000.parquet")
    making.tar(tmp_path / "00000.tar", [("000000000.jpg", JPEG)])
    _, rows = read_all(tmp_path)
    assert [type(row) for row in rows] == [Sample, Unreadable]
    assert rows[1].reason.startswith("no image in sample")


def test_an_interrupted_download_without_parquet_is_still_read(tmp_path, read_all):
    pd.DataFrame([row(0)]).to_parquet(tmp_path / "00000.parquet")
    making.tar(tmp_path / "00000.tar", [("000000000.jpg", JPEG)])
    making.tar(tmp_path / "00001.tar", [("000010000.jpg", JPEG)])
    reader, rows = read_all(tmp_path)
    assert reader == "img2dataset"
    assert [row.key for row in rows] == ["000000000", "000010000"]


def test_a_damaged_parquet_beside_a_tar_costs_its_failed_rows_and_says_so(tmp_path, read_all):
    making.write(tmp_path / "00000_stats.json", json.dumps({"count": 2}))
    making.write(tmp_path / "00000.parquet", b"PAR1 no")
    making.tar(tmp_path / "00000.tar", [("000000000.jpg", JPEG)])
    _, rows = read_all(tmp_path)
    assert [type(row) for row in rows] == [Sample, Unreadable]
    assert "cannot be read as parquet" in rows[1].reason


def test_single_tars_of_such_a_folder_are_known(tmp_path, read_all):
    for number in range(2):
        pd.DataFrame([row(number), row(number + 5, "failed_to_download")]).to_parquet(
            tmp_path / f"0000{number}.parquet"
        )
        making.tar(tmp_path / f"0000{number}.tar", [(f"{number:09d}.jpg", JPEG)])
    reader, rows = read_all(tmp_path / "00000.tar")
    assert reader == "img2dataset"
    assert len(rows) == 2
    reader, rows = read_all(f"{tmp_path}/{{00000..00002}}.tar")
    assert reader == "img2dataset"
    assert [isinstance(r, Unreadable) and r.reason for r in rows if not isinstance(r, Sample)][-1] == "no such shard"


def test_numbered_folders_of_something_else_are_not_taken_for_img2dataset(tmp_path, read_all):
    making.write(tmp_path / "00000" / "a.jpg", JPEG)
    pd.DataFrame([{"url": "http://x.org/1"}]).to_parquet(tmp_path / "00000.parquet")
    assert read_all(tmp_path)[0] == "table"
