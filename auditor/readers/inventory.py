"""The inventory of inputs: what every file below them is, so that no file is left out without a word.

A file is read (an image, a table, an archive), a text beside an image, a companion that can hold no image (README,
checksums, scripts), hidden, or skipped, with a reason.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache

from auditor.plugin import Input, Reader, Shard
from auditor.readers import walk
from auditor.readers.walk import Found
from auditor.results import Inventory
from auditor.storage import files, names, own_tables, tables

_MAX_REASONS = 20
_MAX_SUFFIX = 12  # characters; longer ones are no suffixes that people know
_READ, _SIDECAR, _COMPANION, _HIDDEN = "read", "sidecar", "companion", "hidden"


def take_inventory(inputs: Iterable[tuple[Input, Reader]], shards: Iterable[Shard]) -> Inventory:
    """The inventory of inputs of which `shards` are all shards, found without opening images."""
    _image_stems.cache_clear()
    read: dict[str, set[str]] = defaultdict(set)
    for shard in shards:
        read[shard.input.name].add(shard.file)
    kinds: Counter[str] = Counter()
    passed_over: Counter[str] = Counter()
    for input, reader in inputs:
        for is_passed_over, what in _files(input, reader, read[input.name]):
            (passed_over if is_passed_over else kinds)[what] += 1
    return Inventory(
        read=kinds[_READ],
        sidecars=kinds[_SIDECAR],
        companions=kinds[_COMPANION],
        hidden=kinds[_HIDDEN],
        passed_over=bounded(passed_over),
    )


def merged(inventories: Iterable[Inventory]) -> Inventory:
    """The inventory of several audits' inputs."""
    all_of = list(inventories)
    return Inventory(
        read=sum(each.read for each in all_of),
        sidecars=sum(each.sidecars for each in all_of),
        companions=sum(each.companions for each in all_of),
        hidden=sum(each.hidden for each in all_of),
        passed_over=bounded(sum((Counter(each.passed_over) for each in all_of), Counter())),
    )


def bounded(reasons: Counter[str]) -> dict[str, int]:
    """Reasons and their numbers, the most frequent first; all after the first ones are summed up."""
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    first, rest = ordered[: _MAX_REASONS - 1], ordered[_MAX_REASONS - 1 :]
    if len(rest) > 1:
        rest = [("for other reasons", sum(count for _, count in rest))]
    return dict(first + rest)


def _files(input: Input, reader: Reader, read: set[str]) -> Iterator[tuple[bool, str]]:
    """Of each file: whether it is passed over, and its kind or the reason."""
    if input.only:
        yield from ((False, _READ) for name in input.only if files.exists(files.join(input.url, name)))
        return
    for found in walk.everything(input):
        if found.entry.is_hidden or _is_own(input, found):
            yield False, _HIDDEN
        elif found.entry.is_folder or reader.takes(input, found.name, read, is_image=walk.is_image(input, found)):
            yield False, _READ
        elif _is_sidecar(input, found):
            yield False, _SIDECAR
        elif names.is_companion(found.name):
            yield False, _COMPANION
        else:
            yield True, _reason(input, found)


def _is_own(input: Input, found: Found) -> bool:
    """Whether an audit wrote the file: labels, a keep-list, an export."""
    is_table = not found.entry.is_folder and tables.is_always_table(found.name)
    return is_table and own_tables.is_own(tables.at(files.join(input.url, found.name), input.options.delimiter))


def _is_sidecar(input: Input, found: Found) -> bool:
    if not names.is_sidecar(found.name):
        return False
    folder, stem = files.join(input.url, files.parent(found.name)), names.stem(found.entry.name)
    return stem in _image_stems(folder) or stem in files.names(folder)


@lru_cache(maxsize=64)
def _image_stems(folder: str) -> frozenset[str]:
    """The names of a folder's images without their suffixes."""
    candidates = (entry.name for entry in files.entries(folder) if not entry.is_folder)
    return frozenset(names.stem(name) for name in candidates if names.is_image(name) or names.may_be_image(name))


def _reason(input: Input, found: Found) -> str:
    """Why a file is passed over; one reason for all files of a kind, with its suffix."""
    suffix = names.suffix(found.name)
    kind = f".{suffix}" if suffix and len(suffix) <= _MAX_SUFFIX else "an unusual suffix" if suffix else "no suffix"
    if walk.is_image(input, found):
        return f"image outside the shards, {kind}"
    if tables.is_always_table(found.name):
        return f"table that is not read, {kind}"
    if names.is_dataset(found.name):
        return f"{names.UNREAD_DATASET}, {kind}"
    if names.is_sidecar(found.name):
        return f"text file without an image, {kind}"
    return f"neither an image nor a table, {kind}"
