r"""File names that generators give to their images.

Sees: the last part of the image's path or URL.

| generator | form |
|---|---|
| AUTOMATIC1111 | `00012-3456789012-words.png` |
| ComfyUI | `ComfyUI_00001_.png` |
| DALL·E | `DALL·E 2023-04-01 12.34.56 - words.png` |
| ChatGPT | `ChatGPT Image Apr 1, 2025, 12_34_56 PM.png` |
| Gemini | `Gemini_Generated_Image_` and 16 characters that repeat a block of 5 or 6 |
| Midjourney | `user_words_<uuid>.png` |
| Leonardo.Ai | `Default_words_0.jpg` |

A weak hint (tier E): anybody can rename a file, and most are renamed. It ranks images and confirms none.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
from auditor.row_columns import RowColumns
from auditor.storage.urls import path
from auditor.types import Evidence, Need, Tier

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_FORMS = (
    ("AUTOMATIC1111", re.compile(r"^\d{5}-\d{6,10}(-.*)?\.(png|jpe?g|webp)$", re.IGNORECASE)),
    ("ComfyUI", re.compile(r"^ComfyUI_(temp_[a-z]{5}_)?\d{5}_\.(png|webp|jpe?g)$")),
    ("DALL·E", re.compile(r"^DALL[·\-‑.]?E \d{4}-\d\d-\d\d ")),
    ("ChatGPT", re.compile(r"^ChatGPT Image [A-Z][a-z]{2,8}\.? \d{1,2}, \d{4}")),
    ("Midjourney", re.compile(rf"^[\w.\-]+?_.+_{_UUID}(_\d)?\.(png|webp|jpe?g)$", re.IGNORECASE)),
    ("Leonardo.Ai", re.compile(r"^Default_[\w\- ]+_\d(_[0-9a-f\-]+)?\.(png|jpe?g|webp)$")),
)
_MAX_NAME_CHARS = 255  # longer names are cut, to save time
# What each form holds in any URL, also if a part of it is percent-encoded.
_MAY_HOLD_FORM = (
    rf"(?i)\p{{Nd}}{{5}}-\p{{Nd}}{{6}}|ComfyUI_|DALL|ChatGPT|Gemini_Generated|_{_UUID}|Default_|%2[DF]|%[3-7][0-9A-F]"
)
_NO_NAME = r"^https?://[^/?#]*(?:[^?#]*(?:/|::))?(?:[?#]|$)"
_EITHER = f"(?:{_MAY_HOLD_FORM})|(?:{_NO_NAME})"  # one search instead of two, as few URLs hold either
_GEMINI = re.compile(r"^Gemini_Generated_Image_([a-z0-9]{16})")


class FileNamePrior(Detector):
    """See the module."""

    id = "file-name-prior"
    evidence = Evidence.PRIOR
    needs = Need.ROW

    def look(self, view: View) -> DetectorResult:
        """Checks the file's name, then the URL's."""
        places = dict.fromkeys((view.sample.image, view.sample.url or ""))
        names = [name for place in places if (name := _base(place)[:_MAX_NAME_CHARS])]
        if not names:
            return DetectorResult.abstained("no file name")
        for name in names:
            for generator, form in _FORMS:
                if form.match(name):
                    return DetectorResult.hit(Tier.E, f"file name “{name[:80]}”", generator=generator)
            match = _GEMINI.match(name)
            if match and _repeats(match[1]):
                return DetectorResult.hit(Tier.E, f"file name “{name[:80]}”", generator="Gemini")
        return DetectorResult.negative()

    def alike(self, columns: RowColumns) -> np.ndarray:
        """Rows whose URL holds the beginning of no form are alike, and those whose URL has no file name."""
        numbers = np.zeros(len(columns), np.int64)
        rows = np.flatnonzero(np.asarray(pc.match_substring_regex(columns.url, _EITHER)))
        url = columns.url.take(pa.array(rows))
        holds_form = np.asarray(pc.match_substring_regex(url, _MAY_HOLD_FORM))
        numbers[rows] = np.where(
            np.asarray(pc.match_substring_regex(url, _NO_NAME)), -1, np.where(holds_form, rows + 1, 0)
        )
        return numbers


def _base(place: str) -> str:
    """The file name of a path, an archive's member or a URL; '' for a row of a table."""
    if "://" in place:
        place = unquote(path(place))
    elif "#" in place.rpartition("/")[2]:
        return ""
    return place.rpartition("::")[2].rpartition("/")[2]


def _repeats(block: str) -> bool:
    return any(block == (block[:size] * 4)[: len(block)] for size in (5, 6))
