"""Output of img2dataset: numbered shards as folders of files, as webdataset tars, or as parquet with embedded bytes, in
one folder or in one for each split, at any depth.

The parquet beside each shard lists every URL that was tried. Failed downloads are rows with status `failed` and their
error. By default img2dataset resizes and re-encodes, which removes PNG text, XMP, C2PA and EXIF. An image that has no
metadata and not the original's sha256 counts as stripped, and only the `exif` column of its row can be examined. To
audit untouched files, fetch a part again with `--resize_mode=no --skip_reencode=True` (or
`--disable_all_reencoding=True`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from typing import Any

from auditor.config import ReadOptions
from auditor.errors import DatasetError
from auditor.plugin import Input, Reader, Shard
from auditor.readers import archive, folder, listing, webdataset
from auditor.readers.columns import URL, as_text, by_alias, find
from auditor.readers.members import Group
from auditor.readers.rows import RowReader
from auditor.storage import files, names, tables
from auditor.storage.tables import BadRow
from auditor.storage.urls import domain
from auditor.types import Sample, Status, Unreadable

_PART = re.compile(r"(\d{4,})(|\.tar|\.parquet|_stats\.json)")
_COLUMNS = {"key", "status", "error_message"}
_TOOL = "img2dataset"
_Manifest = dict[str, Mapping[str, Any]]


class Img2dataset(Reader):
    """See the module."""

    id = "img2dataset"

    def accepts(self, input: Input) -> bool:
        """A folder of numbered shards with the parquet or stats files of img2dataset, some of its tars, or a folder of
        such folders (one for each split)."""
        parts = _parts(input.url)
        if input.only:
            numbers = {name: name.removesuffix(".tar") for name in input.only}
            return all(f"{number}.tar" == name for name, number in numbers.items()) and any(
                {".parquet", "_stats.json"} & parts.get(number, set()) for number in numbers.values()
            )
        signed = {files.parent(number) for number, found in parts.items() if _is_signed(input.url, number, found)}
        return bool(signed) and _without_others(input.url, signed)

    def shards(self, input: Input) -> Iterator[Shard]:
        """One shard per number, whatever its form."""
        parts = _parts(input.url)
        wanted = [name.removesuffix(".tar") for name in input.only] or sorted(parts)
        for number in wanted:
            suffixes = parts.get(number, set())
            form = next((suffix for suffix in (".tar", "", ".parquet") if suffix in suffixes), None)
            if form == ".parquet" and not _embeds(files.join(input.url, f"{number}.parquet"), input.options):
                form = ".tar"  # the tar is missing; the parquet lists its rows
            if form is not None:
                yield _shard(input, number, form, suffixes)
            elif input.only:
                yield Shard(listing.label("shard", input, number), input, self.id, f"{number}.tar", rows=1)

    def takes(self, input: Input, name: str, shards: Set[str], *, is_image: bool) -> bool:
        """Images in the folders of shards, and the files of shards."""
        folder = files.parent(name)
        if is_image and folder in shards:
            return True
        part = _PART.fullmatch(name.rpartition("/")[2])
        number = files.join(folder, part[1]) if part and folder else part and part[1]
        return number is not None and any(number + form in shards for form in ("", ".tar", ".parquet"))

    def read(self, shard: Shard) -> Iterator[Sample | Unreadable]:
        """The shard's images, then the rows of its parquet that have none."""
        url = files.join(shard.input.url, shard.file)
        if not files.exists(url):
            place = shard.input.prefix + shard.file
            listed = _manifest(shard) if names.is_tar(shard.file) else {}
            yield from (_without_image(shard, key, row) for key, row in listed.items())
            if not listed:
                yield Unreadable(place, place, place, "no such shard")
        elif names.suffix(shard.file) and (refusal := _refusal(shard.input, shard.file)):
            yield Unreadable(shard.file, shard.file, shard.input.prefix + shard.file, refusal)
        elif shard.file.endswith(".parquet"):
            yield from _embedded(shard)
        else:
            manifest = _manifest(shard)
            items = _archive(shard, manifest) if names.is_tar(shard.file) else _files(shard, manifest)
            yield from map(_marked, items)
            yield from (_without_image(shard, key, row) for key, row in manifest.items())


# ---- shards ---------------------------------------------------------------------------------------------------------


def _parts(url: str) -> dict[str, set[str]]:
    """Number -> the suffixes of its files; '' stands for a folder. Numbers have the name of the folder that they are in
    before them; the folders in one with numbers are those of shards, and have none."""
    parts: dict[str, set[str]] = {}
    with_numbers: set[str] = set()
    for here in listing.folders(url, lambda name: name not in with_numbers):
        for entry in files.entries(files.join(url, here)):
            match = _PART.fullmatch(entry.name)
            if match and entry.is_folder == (match[2] == ""):
                parts.setdefault(f"{here}/{match[1]}" if here else match[1], set()).add(match[2])
                with_numbers.add(here)
    return parts


def _without_others(url: str, signed: Set[str]) -> bool:
    """Whether all images, archives and tables are in the folders of shards. False if there are too many folders to
    find out."""
    folders = list(listing.folders(url, lambda name: name not in signed))
    return len(folders) < listing.MAX_FOLDERS and not any(
        names.is_archive(entry.name) or names.is_image(entry.name) or tables.is_table(entry.name)
        for here in folders
        for entry in files.entries(files.join(url, here))
        if here not in signed and not entry.is_folder
    )


def _is_signed(url: str, number: str, suffixes: set[str]) -> bool:
    """Whether the files beside a shard show that img2dataset made it."""
    if "_stats.json" in suffixes and len(suffixes) > 1:
        return True
    if ".parquet" not in suffixes:
        return False
    try:
        return set(tables.columns(tables.at(files.join(url, f"{number}.parquet")))) >= _COLUMNS
    except DatasetError:
        return False


def _embeds(url: str, options: ReadOptions) -> bool:
    """Whether a shard's parquet holds the images themselves."""
    try:
        table = tables.at(url)
        column = find(table, options, where=url).image
        return column is not None and tables.embeds(table, column)
    except DatasetError:
        return True  # reading it gives a row with the reason


def _shard(input: Input, number: str, form: str, suffixes: set[str]) -> Shard:
    names = [number + suffix for suffix in sorted(suffixes) if suffix]
    version = files.version(*(files.join(input.url, name) for name in names))
    if form == "":
        listed = files.entries(files.join(input.url, number))
        version = hashlib.sha256(
            "\n".join([version, *(f"{x.name} {x.stat_signature}" for x in listed)]).encode("utf-8", "surrogateescape")
        ).hexdigest()
    label = listing.label("shard", input, number)
    return Shard(label, input, Img2dataset.id, number + form, rows=_count(input, number, suffixes), version=version)


def _count(input: Input, number: str, suffixes: set[str]) -> int | None:
    """The number of URLs tried, from the stats file."""
    if "_stats.json" not in suffixes or _refusal(input, f"{number}_stats.json"):
        return None
    try:
        with files.open_file(files.join(input.url, f"{number}_stats.json")) as file:
            return int(json.load(file)["count"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def _refusal(input: Input, name: str) -> str | None:
    """Why a file of a shard may not be opened; None if it may."""
    return files.refusal(input.url, name, follow_links=bool(input.only) or input.options.follow_links)


def _manifest(shard: Shard) -> _Manifest:
    """The rows of the shard's parquet by key; empty if there is no parquet. If it is damaged, one unreadable row
    replaces its failed rows."""
    url = files.join(shard.input.url, f"{shard.file.removesuffix('.tar')}.parquet")
    if not files.exists(url):
        return {}
    name = f"{shard.file.removesuffix('.tar')}.parquet"
    if refusal := _refusal(shard.input, name):
        return {name: {"reason": refusal}}
    manifest: _Manifest = {}
    try:
        for number, row in enumerate(_table_rows(url)):
            key = None if isinstance(row, BadRow) else as_text(row.get("key"))
            manifest[key or f"{shard.file}#{number}"] = {"reason": row.reason} if isinstance(row, BadRow) else row
    except DatasetError as error:
        manifest[name] = {"reason": str(error)}
    return manifest


def _table_rows(url: str) -> Iterator[Mapping[str, Any] | BadRow]:
    table = tables.at(url)
    for piece in tables.chunks(table, 1 << 20):
        yield from tables.rows(table, piece)


# ---- rows -----------------------------------------------------------------------------------------------------------


def _archive(shard: Shard, manifest: _Manifest) -> Iterator[Sample | Unreadable]:
    keys = webdataset.Keys()
    with archive.groups(files.join(shard.input.url, shard.file)) as groups:
        for group in groups:
            row = manifest.pop(group.key, None) if isinstance(group, Group) else None
            yield from webdataset.samples(group, shard, keys, row)


def _files(shard: Shard, manifest: _Manifest) -> Iterator[Sample]:
    for entry in files.entries(files.join(shard.input.url, shard.file)):
        if names.is_image(entry.name) and not entry.is_folder:
            key = names.stem(entry.name)
            sample = folder.sample(shard.input, f"{shard.file}/{entry.name}", manifest.pop(key, None))
            yield replace(sample, key=key, source=domain(sample.url) if sample.url else sample.source)


def _embedded(shard: Shard) -> Iterator[Sample | Unreadable]:
    url = files.join(shard.input.url, shard.file)
    columns = find(tables.at(url), shard.input.options, where=shard.file)
    row_of = RowReader(shard.input, shard.file, columns, files.parent(shard.file))
    number = 0
    try:
        for row in _table_rows(url):
            if not isinstance(row, BadRow) and _is_failed(row):
                yield _without_image(shard, as_text(row.get("key")) or f"{shard.file}#{number}", row)
            else:
                yield from map(_marked, row_of(row, number))
            number += 1
    except DatasetError as error:
        yield row_of.broken(number, f"the table cannot be read from here on: {error}")


def _marked(item: Sample | Unreadable) -> Sample | Unreadable:
    return replace(item, stripped_by=_TOOL) if isinstance(item, Sample) else item


def _is_failed(row: Mapping[str, Any]) -> bool:
    return row.get("status") not in (None, "success")


def _without_image(shard: Shard, key: str, row: Mapping[str, Any]) -> Unreadable:
    """A row of the parquet without an image: a failed download, or an image that is missing from the shard."""
    url = by_alias(row, URL)
    place = url or f"{shard.input.prefix}{shard.file}#{key}"
    source = domain(url) if url else shard.input.prefix + shard.file
    if _is_failed(row):
        reason = ": ".join(filter(None, (as_text(row.get("status")), as_text(row.get("error_message")))))
        return Unreadable(key, source, place, reason, Status.FAILED)
    return Unreadable(
        key, source, place, as_text(row.get("reason")) or "no image in sample: listed, but not in the shard"
    )
