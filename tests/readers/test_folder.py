import json
import os

import fsspec
import making

from auditor.plugin import Input
from auditor.readers import walk
from auditor.readers.folder import Folder
from auditor.storage import files
from auditor.storage import names as names_module
from auditor.types import Sample


def keys(rows):
    return [row.key for row in rows]


def test_images_are_found_recursively_in_a_fixed_order(tmp_path, read_all):
    for name in ("b/2.png", "a.jpg", "b/1.JPG", "c/d/e.webp", "notes.txt", "b/readme.md"):
        making.write(tmp_path / name, making.encoded())
    reader, rows = read_all(tmp_path)
    assert reader == "folder"
    assert keys(rows) == ["a.jpg", "b/1.JPG", "b/2.png", "c/d/e.webp"]
    assert [row.source for row in rows] == [".", "b", "b", "c/d"]


def test_captions_come_from_the_files_beside_an_image(tmp_path, read_all):
    for stem in "abcd":
        making.write(tmp_path / f"{stem}.jpg", b"x")
    making.write(tmp_path / "a.txt", "from txt\n")
    making.write(tmp_path / "b.caption", "from caption")
    making.write(tmp_path / "c.json", json.dumps({"Caption": "from json", "url": "http://x.org/c.jpg"}))
    making.write(tmp_path / "d.json", "{broken")
    _, rows = read_all(tmp_path)
    assert [row.caption for row in rows] == ["from txt\n", "from caption", "from json", None]
    assert rows[2].url == "http://x.org/c.jpg"


def test_settings_in_the_text_file_beside_a_stripped_image_declare_it(tmp_path, scan):
    making.write(tmp_path / "set" / "one" / "00012-3.jpg", making.encoded())
    making.write(tmp_path / "set" / "one" / "00012-3.txt", "\ufeff" + making.A1111)
    making.write(tmp_path / "set" / "b.webp", making.encoded("WEBP"))
    making.write(tmp_path / "set" / "b.txt", "a flight of 20 steps, seen from below")
    audit = scan(tmp_path / "set")
    assert (audit.confirmed.count, audit.confirmed.n) == (1, 2)


def test_the_text_beside_an_image_stays_its_caption(tmp_path, read_all):
    making.write(tmp_path / "a.jpg", making.encoded())
    making.write(tmp_path / "a.txt", making.A1111)
    making.write(tmp_path / "a.json", json.dumps({"caption": "another"}))
    _, (row,) = read_all(tmp_path)
    assert (row.caption, row.text_beside) == (making.A1111, making.A1111)
    _, (row,) = read_all(tmp_path, caption_col="caption")
    assert (row.caption, row.text_beside) == ("another", making.A1111)


def test_a_link_to_a_folder_outside_is_a_row_that_says_so(tmp_path, read_all, scan):
    making.write(tmp_path / "outside" / "x.jpg", making.encoded())
    making.write(tmp_path / "set" / "a.jpg", making.encoded())
    os.symlink("../outside", tmp_path / "set" / "linked")
    audit = scan(tmp_path / "set")
    assert (audit.counts.rows, audit.counts.ok, audit.counts.unreadable) == (2, 1, 1)
    assert any("link leaves the dataset" in reason for reason in audit.unreadable_reasons)
    _, rows = read_all(tmp_path / "set", follow_links=True)
    assert keys(rows) == ["a.jpg", "linked/x.jpg"]


def test_links_in_a_circle_end(tmp_path, read_all):
    making.write(tmp_path / "a" / "x.jpg", b"x")
    os.symlink("..", tmp_path / "a" / "up")
    for follow in (False, True):
        _, rows = read_all(tmp_path, follow_links=follow)
        assert "a/x.jpg" in keys(rows)
        assert len(rows) <= 2


def test_one_image_file_is_a_dataset(tmp_path, read_all):
    making.write(tmp_path / "only.jpg", making.encoded())
    making.write(tmp_path / "other.jpg", making.encoded())
    assert keys(read_all(tmp_path / "only.jpg")[1]) == ["only.jpg"]


def test_a_file_added_changes_the_shard_it_falls_into_and_no_other(tmp_path):
    for number in range(2000):
        making.write(tmp_path / f"{number:05d}.jpg", b"x")
    input = Input(str(tmp_path), "set")
    before = {shard.id: shard.version for shard in Folder().shards(input)}
    making.write(tmp_path / "00500a.jpg", b"x")
    files.forget()
    after = {shard.id: shard.version for shard in Folder().shards(input)}
    assert len(before) > 3
    assert sum(before.get(id) != version for id, version in after.items()) <= 2


def test_shards_together_read_every_image_once(tmp_path, read_all):
    names = {f"{folder}/{number:04d}.jpg" for folder in ("x", "y", "x/y") for number in range(700)}
    for name in names:
        making.write(tmp_path / name, b"x")
    rows = read_all(tmp_path)[1]
    assert len(rows) == len(names)
    assert set(keys(rows)) == names


def test_a_folder_on_another_file_system_is_read(read_all):
    fs = fsspec.filesystem("memory")
    fs.pipe({"/remote/a.jpg": making.encoded(), "/remote/sub/b.jpg": making.encoded(), "/remote/a.txt": b"caption"})
    reader, rows = read_all("memory://remote")
    assert reader == "folder"
    assert keys(rows) == ["a.jpg", "sub/b.jpg"]
    assert rows[0].caption == "caption"
    assert isinstance(rows[0], Sample)
    assert rows[0].content.read(1 << 20) == making.encoded()


def test_a_name_that_is_no_utf8_is_read_and_stored(tmp_path, scan):
    name = os.fsencode(str(tmp_path / "set")) + b"/caf\xe9.jpg"
    os.mkdir(tmp_path / "set")
    with open(name, "wb") as file:
        file.write(making.encoded())
    assert scan(tmp_path / "set").counts.ok == 1


def test_a_small_folder_gives_work_to_many_processors(tmp_path):
    from auditor.config import ReadOptions
    from auditor.readers import listing
    from auditor.readers.folder import Folder

    for number in range(600):
        (tmp_path / f"{number:04d}.jpg").write_bytes(b"")
    assert len(list(Folder().shards(listing.parse(tmp_path, ReadOptions())))) >= 5


def test_a_folder_is_examined_once_however_many_shards_it_has(tmp_path, monkeypatch):
    names = [f"{number:04}.jpg" for number in range(300)]
    for name in names:
        making.write(tmp_path / "data" / name, making.encoded())
    monkeypatch.setattr(walk, "_MEAN_FIRST_SHARD_ROWS", 1)
    examined, is_sidecar = [], names_module.is_sidecar
    for module in (names_module, files):
        monkeypatch.setattr(module, "is_sidecar", lambda name: examined.append(name) or is_sidecar(name))
    shards = list(Folder().shards(Input(str(tmp_path / "data"), "data")))
    assert len(shards) > 10
    read = [item.image for shard in shards for item in Folder().read(shard)]
    assert [image.rpartition("/")[2] for image in read] == names
    assert sorted(examined) == names
