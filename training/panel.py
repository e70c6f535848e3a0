"""The images that are scored under every condition: some of each source, since sources weigh the same."""

from __future__ import annotations

import zlib
from collections import defaultdict

from training.listing import File

CAP = 60
CORE = 100
PER_GENERATOR = 3


def panel(files: list[File], cap: int = CAP) -> list[File]:
    """At most `cap` images of each source, or PER_GENERATOR of each of its generators if that is more.

    Generators take turns; within one the order is the paths' digests', so that a smaller panel lies in a larger one.
    """
    by_source: dict[str, dict[str, list[File]]] = defaultdict(lambda: defaultdict(list))
    for file in sorted(files, key=lambda file: (zlib.crc32(file.path.encode()), file.path)):
        if not file.dropped:
            by_source[file.source][file.generator].append(file)
    return [file for _, generators in sorted(by_source.items()) for file in _in_turns(generators, cap)]


def _in_turns(generators: dict[str, list[File]], cap: int) -> list[File]:
    turns = [(turn, name, file) for name, files in generators.items() for turn, file in enumerate(files)]
    turns.sort(key=lambda item: item[:2])
    return [file for _, _, file in turns[: max(cap, PER_GENERATOR * len(generators))]]
