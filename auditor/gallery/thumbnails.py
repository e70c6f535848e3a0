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
from auditor.gallery import select, suspicious
from auditor.gallery.select import Group
from auditor.images.view import View
from auditor.plugin import SUSPICIOUS, Example, Shard, of_subgroup
from auditor.results import Audit
from auditor.sampling.rows import SamplePlan
from auditor.scanning.detect import view_of
from auditor.suspicious import suspicious_subgroups
from auditor.types import Need, Sample

SIDE, LARGE_SIDE = 96, 256  # pixels of a thumbnail's longer side; the large one is of the most suspicious images
USUAL, MOST = 240, 1000  # examples in a gallery: default and maximum
_MAX_BYTES = {SIDE: 4096, LARGE_SIDE: 24_576}  # of a thumbnail
_QUALITIES = (70, 45, 20, 5)  # of WebP, tried in order
_MADE_OF = b"auditor-gallery"
_LAYOUT = 2  # rises when the same evidence gives other examples
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
            raise SampleError("no image: the manifest only has a URL")
        if view.depth < Need.PIXELS:
            raise SampleError("not in the sample: the image was not decoded")
        return view


def save_gallery(
    out: Path,
    parts: Iterable[Part],
    shards: Iterable[Shard],
    opening: Opening | None,
    most: int,
    evidence_digest: str,
    audit: Audit,
) -> None:
    """Write out/gallery.parquet, unless the existing one is of the same evidence.

    opening: None if no image may be opened. most: maximum number of examples, apart from the most suspicious ones; 0
    removes the gallery. evidence_digest: covers the dataset and the way it was scanned. audit: names the suspicious
    subgroups.
    """
    subgroups = suspicious_subgroups(audit)
    names = [of_subgroup(each.by, each.value) for each in subgroups]
    path, made_of = out / FILE, f"{_LAYOUT} {evidence_digest} {most} {opening is not None} {names}".encode()
    if not most:
        outputs.remove(path)
    elif _made_of(path) != made_of:
        by_shard = {part.shard: part for part in parts}
        paths = [(part.shard, part.path) for part in by_shard.values()]
        chosen = [*suspicious.suspicious(paths, subgroups).items()]
        chosen += [(group.name, refs) for group, refs in select.examples(paths, most).items()]
        _write(path, tuple(_examples(by_shard, shards, opening, chosen)), made_of)


def digest(out: Path) -> str:
    """The digest of the gallery, by its checksum; '' without one."""
    return outputs.digest(out / FILE)


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
    """Rows confirmed by metadata, watermarks or known images, the strongest evidence first; empty without evidence.

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
    parts: Mapping[str, Part],
    shards: Iterable[Shard],
    opening: Opening | None,
    chosen: Iterable[tuple[str, list[RowRef]]],
) -> Iterator[Example]:
    """The examples. chosen: names of groups with their rows."""
    chosen = list(chosen)
    sides: dict[str, dict[int, set[int]]] = {}
    for group, refs in chosen:
        for ref in refs:
            sides.setdefault(ref.shard, {}).setdefault(ref.number, set()).add(_side(group))
    by_shard = {shard: rows.at(parts[shard].path, set(numbers)) for shard, numbers in sides.items()}
    images = thumbnails(shards, sides, opening) if opening else {}
    for group, refs in chosen:
        for ref in refs:
            found = images.get(ref, "the image was not opened" if opening is None else "no longer there")
            row = by_shard[ref.shard][ref.number]
            if isinstance(found, str):
                yield Example(row, group, no_thumbnail_reason=found)
            else:
                yield Example(row, group, found[_side(group)])


def _side(group: str) -> int:
    return LARGE_SIDE if group == SUSPICIOUS else SIDE


def thumbnails(
    shards: Iterable[Shard], wanted: Mapping[str, Mapping[int, Collection[int]]], opening: Opening
) -> dict[RowRef, dict[int, bytes] | str]:
    """For each wanted row a WebP of each size, or the reason why there is none. wanted: shard -> row number -> pixels
    of the longer side (SIDE, LARGE_SIDE)."""
    images: dict[RowRef, dict[int, bytes] | str] = {}
    for shard in shards:
        try:
            for ref, item in pick([shard], wanted):
                sides = wanted[ref.shard][ref.number]
                images[ref] = _in_sizes(item, opening, sides) if isinstance(item, Sample) else item.reason
        except (AuditorError, OSError) as error:  # if the dataset changed during the scan, only thumbnails are lost
            unread = {RowRef(shard.id, number): f"could not be read again: {error}" for number in wanted[shard.id]}
            images = {**unread, **images}
    return images


def _in_sizes(sample: Sample, opening: Opening, sides: Collection[int]) -> dict[int, bytes] | str:
    try:
        rgb = opening.view(sample).for_thumbnail(2 * max(sides))
    except AuditorError as error:
        return str(error)
    return {side: small(rgb, side) for side in sides}


def small(rgb: np.ndarray, longest: int = SIDE) -> bytes:
    """A WebP of at most `longest` (SIDE or LARGE_SIDE) pixels per side and _MAX_BYTES bytes, from uint8 (height, width,
    3)."""
    image = Image.fromarray(rgb)
    image.thumbnail((longest, longest), reducing_gap=2.0)
    data = b""
    for side in (longest, longest // 2):
        image.thumbnail((side, side))
        for quality in _QUALITIES:
            out = io.BytesIO()
            image.save(out, "WEBP", quality=quality)
            data = out.getvalue()
            if len(data) <= _MAX_BYTES[longest]:
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
