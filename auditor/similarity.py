"""What an audit says of how alike its images are; nothing where none has a vector."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.corpus import Corpus
from auditor.duplicates import clusters, summed_up
from auditor.results import Duplicates
from auditor.store import Part

if TYPE_CHECKING:
    import numpy as np

FILE = "duplicates.parquet"


def duplicates(parts: Sequence[Part], out: Path) -> Duplicates | None:
    """Near copies among the images; those that have any are listed in out/duplicates.parquet, by cluster."""
    corpus = Corpus(parts)
    if not len(corpus):
        (out / FILE).unlink(missing_ok=True)
        return None
    label, unsearched = clusters(corpus)
    found = summed_up(corpus, label, unsearched)
    _listed(corpus, label, out / FILE)
    return found


def _listed(corpus: Corpus, label: np.ndarray, path: Path) -> None:
    """key, image and the number of the cluster, of images in clusters; the largest cluster first."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    size = np.bincount(label, minlength=len(label))
    members = np.flatnonzero(size[label] > 1)
    heads = np.flatnonzero(size > 1)
    heads = heads[np.argsort(-size[heads], kind="stable")]
    number = np.zeros(len(label), np.int64)
    number[heads] = np.arange(len(heads)) + 1
    table = pa.table({"cluster": number[label[members]], **corpus.columns(members, ["key", "image"])})
    temporary = path.with_name(f"{path.name}.tmp")
    pq.write_table(table.sort_by([("cluster", "ascending"), ("image", "ascending")]), temporary)
    os.replace(temporary, path)
