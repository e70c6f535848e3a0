"""The language of captions as far as artefacts need it: English, by its most frequent words, or else the script.

Short captions in Latin script without such a word stay undecided. Other languages in Latin script are not told apart: a
library for that takes half a second of every scan, and names languages for alternative texts that they are not in.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache

ENGLISH = "English"
OTHER_LATIN = "another language in Latin script"
UNDECIDED = "Latin script, too short to tell"
NONE = "no letters"
_MAX_CHARS = 400
# Frequent words of English that are no words of other languages in Latin script that are frequent there.
_WORDS = re.compile(
    r"\b(?:the|and|with|of|his|her|their|from|this|that|are|which|while|who|there|two|three|into|by|"
    r"a (?:man|woman|person|boy|girl|dog|cat|child|group|couple|young|small|large|close|black|white|red|blue|green|"
    r"little|view|picture|photo)|"
    r"(?:is|are) \w+ing|on (?:a|an|the)|in (?:a|an|the)|at (?:a|an|the)|for (?:a|an|the))\b",
    re.IGNORECASE,
)
_FOREIGN = re.compile(
    r"\b(?:der|die|das|und|ein|eine|einem|einen|mit|auf|ist|les|des|une|un|dans|avec|sur|est|du|el|los|las|una|con|por|para|"
    r"del|il|della|di|che|het|een|van|uma|com|não|og|och|på|med|ve|bir|je|na|se|w|z|po)\b",
    re.IGNORECASE,
)
_NAMES = {"CJK": "Chinese or Japanese script", "HIRAGANA": "Japanese script", "KATAKANA": "Japanese script"}


def language(caption: str) -> str:
    """ENGLISH, OTHER_LATIN, UNDECIDED, NONE, or another script's name."""
    text = caption[:_MAX_CHARS]
    scripts = Counter(_script(character) for character in text if character.isalpha())
    if not scripts:
        return NONE
    script = scripts.most_common(1)[0][0]
    if script != "LATIN":
        return _NAMES.get(script, f"{script.capitalize()} script")
    english, foreign = len(_WORDS.findall(text)), len(_FOREIGN.findall(text))
    return ENGLISH if english > foreign else OTHER_LATIN if foreign else UNDECIDED


def languages(captions: Iterable[str]) -> dict[str, int]:
    """Language or script → captions, the most frequent first."""
    counts = Counter(map(language, captions))
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    return unicodedata.name(character, "unknown").partition(" ")[0]


def is_mostly_english(counts: Mapping[str, int]) -> bool:
    """Whether more captions are known as English than as another language. counts: as `languages` gives them."""
    return counts.get(ENGLISH, 0) > in_others(counts)


def in_others(counts: Mapping[str, int]) -> int:
    """The number of captions that are known as another language."""
    return sum(count for name, count in counts.items() if name not in (ENGLISH, UNDECIDED, NONE))
