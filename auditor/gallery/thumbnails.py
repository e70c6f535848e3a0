"""Example rows of an audit with thumbnails: gallery.parquet, which the report shows.

The rows are selected from the evidence (select.py) and read again (evidence_store/selection.py). Only images that the
scan decoded are opened. A thumbnail is encoded from decoded pixels, so it contains nothing of the original file.
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
from auditor.evidence_store import outputs, rows
from auditor.evidence_store.columns import table_of
from auditor.evidence_store.complete import complete_parts
from auditor.evidence_store.selection import RowRef, pick
from auditor.evidence_store.store import Part, Store
from auditor.gallery import select
from auditor.gallery.select import Group
from auditor.images.view import View
from auditor.plugin import Example, Shard
from auditor.results import Audit
from auditor.sampling.rows import SamplePlan
from auditor.scanning.detect import view_of
from auditor.types import Need, Sample

SIDE = 96  # pixels of a thumbnail's longer side
USUAL, MOST = 240, 1000  # examples in a gallery: default and maximum
_MAX_BYTES = 4096  # of a thumbnail
_QUALITIES = (70, 45, 20, 5)  # of WebP, tried in order
_MADE_OF = b"auditor-gallery"
FILE = "gallery.parquet"


@dataclass(frozen=True, slots=True)
class Opening:
    """Opens images for thumbnails: only those that the scan decoded, and in the same way.

    sample_plan: the scan's sample; None if it covered every row. cache: folder of the fetched images.
    """

    limits: Limits
    sample_plan: SamplePlan | None = None
    cache: Path | None = None

    def view(self, sample: Sample) -> View:
        """The sample's view, as in the scan. Raises SampleError if the scan did not decode it."""
        view = view_of(sample, self.limits, Need.PIXELS, self.sample_plan, self.cache)
        if view.sample.content is None:
            raise SampleError("no image: the manifest gives a URL only")
        if view.depth < Need.PIXELS:
            raise SampleError("not in the sample: the image was not decoded")
        return view


def save_gallery(
    out: Path, parts: Iterable[Part], shards: Iterable[Shard], opening: Opening | None, most: int, evidence_digest: str
) -> None:
    """Write out/gallery.parquet, unless the existing one is of the same evidence.

    opening: None if no image may be opened. most: maximum number of examples; 0 removes the gallery. evidence_digest:
    covers the dataset and the way it was scanned.
    """
    path, made_of = out / FILE, f"{evidence_digest} {most} {opening is not None}".encode()
    if not most:
        outputs.remove(path)
    elif _made_of(path) != made_of:
        _write(path, tuple(_examples({part.shard: part for part in parts}, shards, opening, most)), made_of)


def load(out: Path) -> tuple[Example, ...]:
    """The saved examples; empty if there is no gallery. Raises EvidenceError for a damaged one."""
    path = out / FILE
    if not path.exists():
        return ()
    if not outputs.is_intact(path):
        raise EvidenceError(f"{path} is damaged: the same scan again replaces it")
    try:
        table = pq.read_table(path)
        columns = (
            rows.from_table(table),
            *(table[name].to_pylist() for name in ("group", "thumbnail", "no_thumbnail_reason")),
        )
        return tuple(Example(*fields) for fields in zip(*columns, strict=True))
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise EvidenceError(f"{path}: {error}; scan again to replace it") from error


def decided(out: Path, most: int, audit: Audit | None = None) -> tuple[Example, ...]:
    """Rows decided by declared or matched evidence, the strongest first, without thumbnails; empty without evidence.

    audit: as in complete_parts, whose errors are raised.
    """
    if not Store(out).folder.is_dir():  # an audit.json alone
        return ()
    parts = {part.shard: part.path for part in complete_parts(out, audit)}
    refs = select.decided(parts.items(), most)
    by_shard = {
        shard: rows.at(parts[shard], {ref.number for ref in refs if ref.shard == shard})
        for shard in {ref.shard for ref in refs}
    }
    decided_rows = (by_shard[ref.shard][ref.number] for ref in refs)
    return tuple(Example(row, str(row.verdict and row.verdict.decided_by)) for row in decided_rows)


def merge(folders: Sequence[Path], out: Path, most: int = USUAL) -> None:
    """Merge several galleries; each contributes equally."""
    share = max(1, most // max(len(folders), 1))
    merged = [example for folder in folders for example in _thinned(load(folder), share)]
    _write(out / FILE, tuple(sorted(merged, key=lambda example: example.group)), b"merged")


def _thinned(gallery: Sequence[Example], most: int) -> list[Example]:
    by_group: dict[Group, list[Example]] = {}
    for example in gallery:
        by_group.setdefault(_group_of(example), []).append(example)
    numbers = {group: [RowRef(str(group), n) for n in range(len(members))] for group, members in by_group.items()}
    chosen = select.take_in_turn(numbers, most)
    return [by_group[group][ref.number] for group, refs in chosen.items() for ref in refs]


def _group_of(example: Example) -> Group:
    return Group(example.group, example.row.verdict.kind.value if example.row.verdict else "")


def _made_of(path: Path) -> bytes | None:
    if not outputs.is_intact(path):
        return None
    try:
        return (pq.read_metadata(path).metadata or {}).get(_MADE_OF)
    except (pa.ArrowException, OSError):
        return None


def _examples(
    parts: Mapping[str, Part], shards: Iterable[Shard], opening: Opening | None, most: int
) -> Iterator[Example]:
    chosen = select.examples(((part.shard, part.path) for part in parts.values()), most)
    wanted: dict[str, set[int]] = {}
    for ref in (ref for refs in chosen.values() for ref in refs):
        wanted.setdefault(ref.shard, set()).add(ref.number)
    by_shard = {shard: rows.at(parts[shard].path, numbers) for shard, numbers in wanted.items()}
    images = thumbnails(shards, wanted, opening) if opening else {}
    for group, refs in chosen.items():
        for ref in refs:
            image = images.get(ref, "the image was not opened" if opening is None else "no longer there")
            row = by_shard[ref.shard][ref.number]
            if isinstance(image, bytes):
                yield Example(row, group.name, image)
            else:
                yield Example(row, group.name, no_thumbnail_reason=image)


def thumbnails(
    shards: Iterable[Shard], wanted: Mapping[str, Collection[int]], opening: Opening
) -> dict[RowRef, bytes | str]:
    """For each wanted row a WebP of at most SIDE × SIDE pixels, or the reason why there is none."""
    images: dict[RowRef, bytes | str] = {}
    for shard in shards:
        try:
            for ref, item in pick([shard], wanted):
                images[ref] = _thumbnail(item, opening) if isinstance(item, Sample) else item.reason
        except (AuditorError, OSError) as error:  # if the dataset changed during the scan, only thumbnails are lost
            unread = {RowRef(shard.id, number): f"could not be read again: {error}" for number in wanted[shard.id]}
            images = {**unread, **images}
    return images


def _thumbnail(sample: Sample, opening: Opening) -> bytes | str:
    try:
        return small(opening.view(sample).for_thumbnail(2 * SIDE))
    except AuditorError as error:
        return str(error)


def small(rgb: np.ndarray) -> bytes:
    """A WebP of at most SIDE pixels per side and _MAX_BYTES bytes, from uint8 (height, width, 3)."""
    image = Image.fromarray(rgb)
    image.thumbnail((SIDE, SIDE), reducing_gap=2.0)
    data = b""
    for side in (SIDE, SIDE // 2):
        image.thumbnail((side, side))
        for quality in _QUALITIES:
            out = io.BytesIO()
            image.save(out, "WEBP", quality=quality)
            data = out.getvalue()
            if len(data) <= _MAX_BYTES:
                return data
    return data


def _write(path: Path, gallery: Sequence[Example], made_of: bytes) -> None:
    table = table_of([example.row for example in gallery])
    extra = {
        "group": pa.array([example.group for example in gallery], pa.string()),
        "thumbnail": pa.array([example.thumbnail for example in gallery], pa.binary()),
        "no_thumbnail_reason": pa.array([example.no_thumbnail_reason for example in gallery], pa.string()),
    }
    for name, values in extra.items():
        table = table.append_column(name, values)
    outputs.write_table(path, table.replace_schema_metadata({_MADE_OF: made_of}))
