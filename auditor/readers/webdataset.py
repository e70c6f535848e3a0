"""Archives of images: webdataset tars and zips; one of them, a brace range (`{00000..00099}.tar`), a glob, or a folder.

Members with the same path up to the first dot are a sample. Its image members are found by their suffix (a.jpg,
a.input.jpg) or by their content; the caption is in txt, caption or text, or in the fields of a json member. Several
images in one sample give one row each (`key#0, key#1`). A sample without an image, a missing archive of the range, and
the damaged end of an archive are unreadable rows. Companions (README, tables, scripts) and texts in a folder of the
archive that has no image (YOLO's `labels/`, VOC's `Annotations/`) are no samples. Loose images in the folder are rows
too; if there are at least as many of them as archives, the input is read as a folder of images.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from itertools import chain, islice, product
from typing import Any

from auditor.errors import SampleError
from auditor.images import causes
from auditor.plugin import Input, Reader, Shard
from auditor.readers import archive, archive_index, listing, walk
from auditor.readers.columns import (
    URL,
    as_text,
    by_alias,
    caption_beside,
    caption_of_image,
    declared,
    weight,
)
from auditor.readers.folder import Folder
from auditor.readers.members import Broken, Group, Member
from auditor.readers.rows import is_img2dataset_row
from auditor.storage import files, names, tables
from auditor.storage.urls import domain
from auditor.types import Sample, Unreadable

_MANY_ARCHIVES = 16  # give work to every processor; fewer are cut into pieces
_TEXT_LIMIT = 1 << 20
_MAX_UNKNOWN = 256 << 20  # bytes of a member of unknown kind that is opened to find out
_MAX_KINDS = 5  # suffixes listed in a reason


class Webdataset(Reader):
    """See the module."""

    id = "webdataset"

    def accepts(self, input: Input) -> bool:
        """Named tars, or a folder with more tars than loose images."""
        if input.only:
            return all(map(names.is_archive, input.only))
        archives = listing.count(input, names.is_archive)
        return sum(1 for _ in islice(walk.images(input), archives)) < archives

    def shards(self, input: Input) -> Iterator[Shard]:
        """One shard per archive, or per piece of it if there are few; then the loose images."""
        archives = list(listing.named(input, names.is_archive))
        for name in archives:
            url = files.join(input.url, name)
            paths = [url, *(files.join(input.url, table) for table in archive_index.tables_of(input, name))]
            version = files.version(*paths) if files.exists(url) else "missing"
            shard = Shard(listing.label("tar", input, name), input, self.id, name, version=version)
            yield from _pieces(shard) if len(archives) < _MANY_ARCHIVES else (shard,)
        if not input.only:
            yield from walk.cut(input, Folder.id, walk.images(input))

    def takes(self, input: Input, name: str, shards: Set[str], *, is_image: bool) -> bool:
        """Archives, images, and tables that describe the images of archives."""
        if is_image or name in shards:
            return True
        folder = files.parent(name)
        if not tables.is_table(name) or name not in archive_index.tables_beside(input, folder):
            return False
        return any(not folder or shard.startswith(f"{folder}/") for shard in shards)

    def read(self, shard: Shard) -> Iterator[Sample | Unreadable]:
        """The samples of one archive, or of a piece of it."""
        name = shard.input.prefix + shard.file
        if not files.exists(files.join(shard.input.url, shard.file)):
            yield Unreadable(name, name, name, "no such archive")
            return
        follow = bool(shard.input.only) or shard.input.options.follow_links
        if refusal := files.refusal(shard.input.url, shard.file, follow_links=follow):
            yield Unreadable(name, name, name, refusal)
            return
        keys = Keys()
        url, options = files.join(shard.input.url, shard.file), shard.input.options
        if not files.is_remote(url) and (pointer := causes.pointer(files.head(url, causes.POINTER_HEAD))):
            yield Unreadable(name, name, name, f"the archive cannot be read: {pointer}")
            return
        beside, in_any_order = archive_index.rows_beside(shard.input, shard.file), archive.is_in_any_order(url)
        with archive.groups(url, is_piece=shard.stop is not None) as groups:
            described = archive_index.Described(groups, url, options, in_any_order=in_any_order)
            chosen, folders = _of_piece(described, shard, keys)
            for group in _without_lone_texts(chosen, folders):
                extra = archive_index.of_group(group, described, beside, shard.file)
                yield from samples(group, shard, keys, extra)


def _pieces(shard: Shard) -> Iterator[Shard]:
    """The shard of an archive, cut into pieces if it is large: piece `start` of `stop`."""
    url = files.join(shard.input.url, shard.file)
    follow = bool(shard.input.only) or shard.input.options.follow_links
    is_read = files.exists(url) and files.refusal(shard.input.url, shard.file, follow_links=follow) is None
    # With --id-col the keys are in the members, and each key depends on those before it.
    count = archive.pieces(url) if is_read and not shard.input.options.id_col else 1
    if count == 1:
        yield shard
    else:
        yield from (replace(shard, id=f"{shard.id}-{number:02d}", start=number, stop=count) for number in range(count))


def _of_piece(groups: Iterable[Group | Broken], shard: Shard, keys: Keys) -> tuple[Iterable[Group | Broken], set[str]]:
    """The samples of the shard's piece of an archive, and the folders of the archive that have images; keys of samples
    before it are taken. The folders of a whole archive are not looked for in advance."""
    if shard.stop is None:
        return groups, set()
    listed, number, count = list(groups), int(shard.start), int(shard.stop)
    start, stop = len(listed) * number // count, len(listed) * (number + 1) // count
    for group in listed[:start]:
        if isinstance(group, Group):
            keys(group.key)
    return listed[start:stop], _folders_with_images(listed)


def _without_lone_texts(groups: Iterable[Group | Broken], folders: set[str]) -> Iterator[Group | Broken]:
    """All but companions, and texts in folders without images. A text is held until its folder has an image. folders:
    those that are known to have images; others are added."""
    waiting: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        if isinstance(group, Broken) or _may_have_image(group):
            for folder in _folders_with_images([group]):
                folders.add(folder)
                yield from waiting.pop(folder, ())
            yield group
        elif not all(map(_is_companion, group.members)):
            folder = files.parent(group.key)
            if folder in folders:
                yield group
            else:
                waiting[folder].append(group)
    if not folders:
        yield from chain.from_iterable(waiting.values())


def _folders_with_images(groups: Iterable[Group | Broken]) -> set[str]:
    return {files.parent(group.key) for group in groups if isinstance(group, Group) and _may_have_image(group)}


def _may_have_image(group: Group) -> bool:
    """Whether a member may be more than a text, by its name: an image, a film, an unknown file."""
    return not all(_is_companion(member) or names.is_sidecar(member.name) for member in group.members)


def _is_companion(member: Member) -> bool:
    return tables.is_always_table(member.name) or (names.is_companion(member.name) and not _is_image(member))


class Keys:
    """Makes the keys of one shard distinct: the second `a` becomes `a~2`."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def __call__(self, key: str) -> str:
        """The key, or a variant that is not used yet."""
        count = self._seen[key] = self._seen.get(key, 0) + 1
        return key if count == 1 else f"{key}~{count}"


def samples(
    group: Group | Broken, shard: Shard, keys: Keys, extra: Mapping[str, Any] | None = None
) -> Iterator[Sample | Unreadable]:
    """The rows of one sample of an archive. extra: the manifest's fields for it."""
    place = shard.input.prefix + shard.file
    if isinstance(group, Broken):
        yield Unreadable(place, place, place, group.reason)
        return
    row = {**_json(group), **(extra or {})}
    options = shard.input.options
    key = keys((as_text(row.get(options.id_col)) if options.id_col else None) or group.key)
    url = as_text(row.get(options.url_col)) if options.url_col else by_alias(row, URL)
    source = domain(url) if url else place
    images = [member for member in group.members if _is_image(member)]
    if not images:
        kinds = ", ".join(sorted({member.suffix or "no suffix" for member in group.members})[:_MAX_KINDS])
        yield Unreadable(key, source, f"{place}::{group.key}", f"no image in sample: its members are {kinds}")
    for number, member in enumerate(images):
        caption, beside = caption_of_image(row, options.caption_col, partial(_text_beside, group, member, images))
        yield Sample(
            key=f"{key}#{number}" if len(images) > 1 else key,
            source=source,
            image=f"{place}::{member.name}",
            content=member.content,
            caption=caption,
            url=url,
            row=row,
            declared=declared(row, options),
            weight=weight(row, options),
            stripped_by="img2dataset" if is_img2dataset_row(row) else None,
            text_beside=beside,
        )


def _is_image(member: Member) -> bool:
    """Whether a member is an image: by its suffix or, if that is unknown, by its first bytes."""
    if names.is_image(member.name):
        return True
    if not names.may_be_image(member.name):
        return False
    try:
        return names.starts_like_image(member.content.read(_MAX_UNKNOWN)[: names.HEAD])
    except SampleError:
        return False


def _text_beside(group: Group, image: Member, images: Sequence[Member], suffixes: Sequence[str]) -> str | None:
    """The text beside an image that is not blank: that of the same stem (`a.00.txt` of `a.00.jpg`), or else one of the
    whole sample, which is of no other image's stem."""
    own = names.stem(image.name)
    others = {names.stem(each.name) for each in images} - {own, group.key}
    of_image = Group(group.key, [each for each in group.members if names.stem(each.name) == own])
    of_sample = Group(group.key, [each for each in group.members if names.stem(each.name) not in others])
    found = (caption_beside(_read(*each)) for each in product((of_image, of_sample), suffixes))
    return next(filter(None, found), None)


def _json(group: Group) -> dict[str, Any]:
    data = _read(group, "json")
    try:
        content = json.loads(data) if data else {}
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _read(group: Group, suffix: str) -> bytes | None:
    exact = [member for member in group.members if member.suffix == suffix]
    for member in exact or [member for member in group.members if member.last_suffix == suffix]:
        try:
            return member.content.read(_TEXT_LIMIT)
        except SampleError:
            return None
    return None
