"""Images reopened for annotation: from files, or as fetched from their URLs."""

import io
from pathlib import Path

import hosting
import making
import pytest
from PIL import Image

from auditor.annotation.app.pictures import ImageStore, annotation_images, audited_inputs
from auditor.annotation.sample import AnnotationItem
from auditor.audit import make_engine, run_audit
from auditor.config import Config, ReadOptions
from auditor.errors import ConfigError, DatasetError
from auditor.evidence_store.selection import RowRef
from auditor.evidence_store.store import Store
from auditor.fetching.fetcher import Fetcher
from auditor.storage.content import UnavailableContent
from auditor.types import Need, VerdictKind


def audited(folder, inputs, **options):
    """The audit of inputs, and an item for each row."""
    import pyarrow.parquet as pq

    audit = run_audit(inputs, folder / "out", Config.of(depth=Need.ROW, **options), make_engine(1, "serial"))
    drawn = [
        AnnotationItem(key, VerdictKind.UNKNOWN, RowRef(part.shard, number), None)
        for part in Store(folder / "out").parts()
        for number, key in enumerate(pq.read_table(part.path).column("key").to_pylist())
    ]
    return audit, drawn


def test_what_was_fetched_of_a_url_is_shown_and_so_is_why_nothing_was(tmp_path):
    with hosting.host() as host:
        wanted = [host.url("/image.png"), host.url("/404"), host.url("/never asked")]
        fetcher = Fetcher(tmp_path / "cache", pause=0, resolve=lambda *_: [hosting.LOCAL], reachable=lambda _: True)
        dict(fetcher.fetch_all(wanted[:2]))
    table = making.write(tmp_path / "urls.csv", "\n".join(["url,caption", *(f"{url},cat" for url in wanted), ""]))
    audit, drawn = audited(tmp_path, table)
    shown = list(annotation_images(drawn, audit, table, read=ReadOptions(), fetched=fetcher.cached))
    assert [picture.context["url"] for picture in shown] == wanted
    assert Image.open(io.BytesIO(shown[0].jpeg)).size == Image.open(io.BytesIO(hosting.IMAGE)).size
    assert [picture.reason for picture in shown[1:]] == ["HTTP 404", "no image bytes: the manifest only has a URL"]
    assert shown[0].context["caption"] == "cat"


def test_pictures_are_numbered_as_they_were_drawn_whatever_order_they_come_in(tmp_path):
    for number in range(6):
        making.write(tmp_path / "set" / f"{number}.png", making.encoded("PNG", width=8 + number, height=8))
    audit, drawn = audited(tmp_path, tmp_path / "set")
    drawn = drawn[::-1]
    (tmp_path / "shown").mkdir()
    prepared = ImageStore(tmp_path / "shown", drawn)
    for picture in annotation_images(drawn, audit, tmp_path / "set", read=ReadOptions(), fetched=lambda url: None):
        prepared.add(picture)
    widths = [Image.open(io.BytesIO(prepared.jpeg(number))).width for number in range(6)]
    assert widths == [int(row.key[0]) + 8 for row in drawn]
    assert prepared.missing == []


def test_rows_that_are_gone_are_named(tmp_path):
    for number in range(3):
        making.write(tmp_path / "set" / f"{number}.png", making.png())
    audit, drawn = audited(tmp_path, tmp_path / "set")
    (tmp_path / "set/2.png").unlink()
    with pytest.raises(DatasetError, match=r"2\.png is not at its position in the audit"):
        list(annotation_images(drawn, audit, tmp_path / "set", read=ReadOptions(), fetched=lambda url: None))


@pytest.mark.parametrize("count", [1, 2])
def test_a_dataset_that_was_moved_is_known_again(tmp_path, count):
    inputs = [tmp_path / f"set{number}" for number in range(count)]
    for number, folder in enumerate(inputs):
        making.write(folder / "a.png", making.encoded("PNG", width=8 + number, height=8))
    audit, drawn = audited(tmp_path, inputs)
    moved = [folder.rename(tmp_path / f"moved{number}") for number, folder in enumerate(inputs)]
    shown = annotation_images(drawn, audit, moved, read=ReadOptions(), fetched=lambda url: None)
    assert {picture.item.key: Image.open(io.BytesIO(picture.jpeg)).width for picture in shown} == {
        ("a.png" if count == 1 else f"set{number}/a.png"): 8 + number for number in range(count)
    }


def test_an_audits_own_way_of_reading_is_taken_up_again(tmp_path):
    making.write(tmp_path / "images/a.png", making.png())
    table = making.write(tmp_path / "rows.csv", "x,words\na.png,hello\n")
    read = ReadOptions(image_col="x", caption_col="words", base_dir=str(tmp_path / "images"))
    audit, drawn = audited(tmp_path, table, read=read)
    recorded = audit.config.scan.read
    with pytest.raises(ConfigError, match="`base_dir` images: give the path"):
        recorded.updated(ReadOptions())
    again = recorded.updated(ReadOptions(base_dir=str(tmp_path / "images")))
    assert again == read
    [shown] = annotation_images(drawn, audit, table, read=again, fetched=lambda url: UnavailableContent("no"))
    assert (shown.context["caption"], shown.reason) == ("hello", "")


def test_a_dataset_is_found_where_it_was_scanned(tmp_path, monkeypatch):
    making.write(tmp_path / "far/set/a.png", making.png())
    audit, _ = audited(tmp_path, tmp_path / "far/set")
    monkeypatch.chdir(making.write(tmp_path / "elsewhere/x", b"").parent)
    assert audited_inputs(audit, tmp_path / "out") == [str(tmp_path / "far/set")]
    (tmp_path / "far").rename(tmp_path / "moved")
    with pytest.raises(DatasetError, match="give its path"):
        audited_inputs(audit, tmp_path / "out")


def test_the_audited_inputs_are_looked_for_here_and_beside_the_audit(tmp_path, monkeypatch):
    making.write(tmp_path / "set/a.png", making.png())
    audit, _ = audited(tmp_path, tmp_path / "set")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    [found] = map(Path, audited_inputs(audit, tmp_path / "out"))
    assert found.samefile(tmp_path / "set")
    with pytest.raises(
        DatasetError, match="set: the audited dataset is neither where it was scanned, nor in the current folder, nor"
    ):
        audited_inputs(audit, elsewhere / "out")
