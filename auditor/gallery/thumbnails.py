"""Examples of an audit's rows with small pictures of them: gallery.parquet, which the report shows.

The rows are chosen from the evidence (choosing.py) and opened once more (picking.py); only images that the scan could
decode are. A thumbnail is decoded pixels encoded anew, so nothing of the original file is in it.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from auditor.config import Limits
from auditor.errors import AuditorError, EvidenceError, SampleError
from auditor.evidence_store import rows
from auditor.evidence_store.selection import RowRef, pick
from auditor.evidence_store.store import Part, Store, table_of, write_atomically
from auditor.gallery import select
from auditor.gallery.select import Group
from auditor.images.view import View
from auditor.plugin import Example, Shard
from auditor.sampling.rows import SamplePlan
from auditor.scanning.shard_scan import view_of
from auditor.types import Need, Sample

SIDE = 96  # pixels of a thumbnail's longer side
USUAL, MOST = 240, 1000  # examples in a gallery
_HEAVIEST = 4096  # bytes of a thumbnail
_QUALITIES = (70, 45, 20, 5)  # of WebP, tried in turn
_MADE_OF = b"auditor-gallery"
FILE = "gallery.parquet"


@dataclass(frozen=True, slots=True)
class Opening:
    """Which images may be opened once more: those that the scan decoded, in the way that it did.

    draw: its sample, None where that was every row. cache: where what was fetched of it lies.
    """

    limits: Limits
    draw: SamplePlan | None = None
    cache: Path | None = None

    def view(self, sample: Sample) -> View:
        """The sample as the scan saw it. Raises Refused for one that it did not decode."""
        found = view_of(sample, self.limits, Need.PIXELS, self.draw, self.cache)
        if found.sample.content is None:
            raise SampleError("no image: the manifest gives a URL only")
        if found.depth < Need.PIXELS:
            raise SampleError("not in the sample: the image was not decoded")
        return found


def keep(
    out: Path, parts: Iterable[Part], shards: Iterable[Shard], opening: Opening | None, most: int, of: str
) -> None:
    """Writes out/gallery.parquet, unless the one there is of the same evidence.

    opening: None where no image is to be opened. of: a digest of the dataset and of how it was looked at. most: 0
    removes the gallery.
    """
    path, made_of = out / FILE, f"{of} {most} {opening is not None}".encode()
    if not most:
        path.unlink(missing_ok=True)
    elif _made_of(path) != made_of:
        _write(path, tuple(_examples({part.shard: part for part in parts}, shards, opening, most)), made_of)


def load(out: Path) -> tuple[Example, ...]:
    """What `keep` wrote; nothing where there is no gallery. Raises EvidenceError for a damaged one."""
    path = out / FILE
    if not path.exists():
        return ()
    try:
        table = pq.read_table(path)
        columns = (rows.of(table), *(table[name].to_pylist() for name in ("group", "thumbnail", "no_thumbnail_reason")))
        return tuple(Example(*found) for found in zip(*columns, strict=True))
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise EvidenceError(f"{path}: {error}; scanning again makes it anew") from error


def decided(out: Path, most: int) -> tuple[Example, ...]:
    """Rows that declared or matched evidence decides, the strongest first, without pictures; none without evidence."""
    parts = {part.shard: part.path for part in Store(out).parts()}
    places = select.decided(parts.items(), most)
    found = {
        shard: rows.at(parts[shard], {place.number for place in places if place.shard == shard})
        for shard in {place.shard for place in places}
    }
    chosen = (found[place.shard][place.number] for place in places)
    return tuple(Example(row, str(row.verdict and row.verdict.decided_by)) for row in chosen)


def merge(folders: Sequence[Path], out: Path, most: int = USUAL) -> None:
    """One gallery of several, each with its share of every group."""
    share = max(1, most // max(len(folders), 1))
    found = [example for folder in folders for example in _thinned(load(folder), share)]
    _write(out / FILE, tuple(sorted(found, key=lambda example: example.group)), b"merged")


def _thinned(found: Sequence[Example], most: int) -> list[Example]:
    by_group: dict[Group, list[Example]] = {}
    for example in found:
        by_group.setdefault(_group_of(example), []).append(example)
    numbers = {group: [RowRef(str(group), n) for n in range(len(of))] for group, of in by_group.items()}
    chosen = select.within(numbers, most)
    return [by_group[group][place.number] for group, places in chosen.items() for place in places]


def _group_of(example: Example) -> Group:
    return Group(example.group, example.row.verdict.kind.value if example.row.verdict else "")


def _made_of(path: Path) -> bytes | None:
    try:
        return (pq.read_metadata(path).metadata or {}).get(_MADE_OF)
    except (pa.ArrowException, OSError):
        return None


def _examples(
    parts: Mapping[str, Part], shards: Iterable[Shard], opening: Opening | None, most: int
) -> Iterator[Example]:
    chosen = select.examples(((part.shard, part.path) for part in parts.values()), most)
    wanted: dict[str, set[int]] = {}
    for place in (place for places in chosen.values() for place in places):
        wanted.setdefault(place.shard, set()).add(place.number)
    found = {shard: rows.at(parts[shard].path, numbers) for shard, numbers in wanted.items()}
    pictures = thumbnails(shards, wanted, opening) if opening else {}
    for group, places in chosen.items():
        for place in places:
            picture = pictures.get(place, "the image was not opened" if opening is None else "no longer there")
            row = found[place.shard][place.number]
            if isinstance(picture, bytes):
                yield Example(row, group.name, picture)
            else:
                yield Example(row, group.name, no_thumbnail_reason=picture)


def thumbnails(
    shards: Iterable[Shard], wanted: Mapping[str, Collection[int]], opening: Opening
) -> dict[RowRef, bytes | str]:
    """A WebP of each wanted row, at most SIDE × SIDE pixels, or why there is none."""
    found: dict[RowRef, bytes | str] = {}
    for shard in shards:
        try:
            for place, item in pick([shard], wanted):
                found[place] = _thumbnail(item, opening) if isinstance(item, Sample) else item.reason
        except (AuditorError, OSError) as error:  # a dataset that changed while it was scanned costs its pictures only
            gone = {RowRef(shard.id, number): f"could not be read again: {error}" for number in wanted[shard.id]}
            found = {**gone, **found}
    return found


def _thumbnail(sample: Sample, opening: Opening) -> bytes | str:
    try:
        return small(opening.view(sample).upright)
    except AuditorError as error:
        return str(error)


def small(rgb: np.ndarray) -> bytes:
    """A WebP of SIDE pixels or less a side and _HEAVIEST bytes or less, of uint8 (height, width, 3)."""
    image = Image.fromarray(rgb)
    image.thumbnail((SIDE, SIDE), reducing_gap=2.0)
    data = b""
    for side in (SIDE, SIDE // 2):
        image.thumbnail((side, side))
        for quality in _QUALITIES:
            out = io.BytesIO()
            image.save(out, "WEBP", quality=quality)
            data = out.getvalue()
            if len(data) <= _HEAVIEST:
                return data
    return data


def _write(path: Path, found: Sequence[Example], made_of: bytes) -> None:
    table = table_of([example.row for example in found])
    extra = {
        "group": pa.array([example.group for example in found], pa.string()),
        "thumbnail": pa.array([example.thumbnail for example in found], pa.binary()),
        "no_thumbnail_reason": pa.array([example.no_thumbnail_reason for example in found], pa.string()),
    }
    for name, values in extra.items():
        table = table.append_column(name, values)
    out = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({_MADE_OF: made_of}), out, compression="zstd")
    write_atomically(path, out.getvalue())
