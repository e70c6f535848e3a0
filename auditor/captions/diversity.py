"""The diversity of captions: how much they repeat openings, phrases and whole captions. Pure.

Every figure depends on the number of captions. So they are means over blocks of BLOCK captions, for datasets and for
the sources whose ranges are shipped (ranges.py) alike. Openings and phrases are those of a caption's first WORDS words,
so that long captions do not look diverse for being long. Digits are replaced by #, as in CC3M.

Low diversity shows one template or one writer, a person or a program.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

BLOCK = 200  # captions
SAMPLE = 5 * BLOCK
WORDS = 12
COMMONEST = 10
_OPENING, _PHRASE = 3, 4  # words
_NEAR = 0.7  # Jaccard similarity of the sets of words of near-duplicates
_NUMBER = re.compile(r"\d+")
# Scripts without blanks between words: each character counts as a word.
_UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+(?:['’][^\W_]+)?|#")


def normalised(caption: str) -> str:
    """A caption in lower case, with single spaces and # for numbers."""
    return " ".join(_NUMBER.sub("#", caption.casefold()).split())


def words(caption: str) -> list[str]:
    """The words of a normalised caption."""
    return _WORD.findall(caption)


def figures(captions: Sequence[str]) -> dict[str, float]:
    """Name → figure, the mean over the whole blocks of captions. Raises ValueError for less than a block."""
    if len(captions) < BLOCK:
        raise ValueError(f"there must be at least {BLOCK} captions, got {len(captions)}")
    texts = [normalised(caption) for caption in captions]
    blocks = [texts[start : start + BLOCK] for start in range(0, len(texts) - BLOCK + 1, BLOCK)]
    each = [_of_block(block) for block in blocks]
    return {name: round(float(np.mean([figures[name] for figures in each])), 4) for name in each[0]}


def _of_block(texts: list[str]) -> dict[str, float]:
    tokens = [words(text) for text in texts]
    heads = [found[:WORDS] for found in tokens]
    return {
        "openings": _in_commonest([{tuple(head[:_OPENING])} for head in heads if head]),
        "phrases": _in_commonest([set(_grams(head, _PHRASE)) for head in heads if head]),
        "distinct_2": _distinct([gram for head in heads for gram in pairwise(head)]),
        "compression": _compression(heads),
        "duplicates": _repeated(texts),
        "near_duplicates": _near_duplicates(tokens),
        "words": float(np.median([len(found) for found in tokens])),
    }


def _grams(head: list[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(head[start : start + n]) for start in range(len(head) - n + 1)]


def _in_commonest(sets: list[set[tuple[str, ...]]]) -> float:
    """The share of captions with one of the items that the most captions have."""
    counts = Counter(item for items in sets for item in items)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    commonest = {item for item, _ in ordered[:COMMONEST]}
    return sum(bool(items & commonest) for items in sets) / len(sets) if sets else 0.0


def _distinct(grams: list[tuple[str, str]]) -> float:
    return len(set(grams)) / len(grams) if grams else 0.0


def _compression(heads: list[list[str]]) -> float:
    """The size of the heads as zlib (RFC 1950) compresses them, as a share of their size."""
    raw = "\n".join(" ".join(head) for head in heads).encode()
    return len(zlib.compress(raw, 9)) / len(raw) if raw else 0.0


def _repeated(texts: list[str]) -> float:
    counts = Counter(texts)
    return sum(counts[text] > 1 for text in texts) / len(texts)


def _near_duplicates(tokens: list[list[str]]) -> float:
    """The share of captions whose set of words is that of another one, or nearly. All pairs of a block are compared,
    which is exact and takes milliseconds; MinHash would pay from some 10,000 captions on."""
    numbers: dict[str, int] = {}
    sets = [{numbers.setdefault(word, len(numbers)) for word in found} for found in tokens]
    member = np.zeros((len(sets), max(1, len(numbers))), np.float32)
    for row, found in enumerate(sets):
        member[row, list(found)] = 1
    shared, sizes = member @ member.T, member.sum(axis=1)
    union = sizes[:, None] + sizes[None, :] - shared
    similarity = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    np.fill_diagonal(similarity, 0)
    return float((similarity.max(axis=1) >= _NEAR).mean())


def commonest(captions: Sequence[str], parts: Callable[[list[str]], list[tuple[str, ...]]]) -> list[tuple[str, float]]:
    """The ten commonest parts of captions with the shares of captions that have them, the most frequent first."""
    counts = Counter(part for caption in captions for part in set(parts(words(normalised(caption))[:WORDS])))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:COMMONEST]
    return [(" ".join(part), count / len(captions)) for part, count in ordered if count > 1]


def openings(head: list[str]) -> list[tuple[str, ...]]:
    """The opening of a caption."""
    return [tuple(head[:_OPENING])] if head else []


def phrases(head: list[str]) -> list[tuple[str, ...]]:
    """The phrases in a caption's first words."""
    return _grams(head, _PHRASE)
