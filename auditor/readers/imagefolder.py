"""Hugging Face imagefolder: images beside a metadata.csv, metadata.jsonl or metadata.parquet with `file_name`.

Each metadata file describes its own folder and those below. Images that none of them names are rows too.
"""

from __future__ import annotations

from auditor.plugin import Input
from auditor.readers.table import Table

_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


class Imagefolder(Table):
    """See the module; rows are read as in Table."""

    id = "imagefolder"

    def accepts(self, input: Input) -> bool:
        """A folder with a metadata file in it."""
        return not input.only and super().accepts(input)

    def is_table(self, name: str) -> bool:
        """Whether a file is a metadata file."""
        return name in _NAMES
