"""Reference indexes: build, describe, search."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.api.decisions import PathLike
from auditor.audit import Listener, Silent, make_engine
from auditor.config import Config, ReadOptions
from auditor.embeddings.vector_source import VectorSource
from auditor.errors import IndexFileError
from auditor.plugin import Engine
from auditor.readers import Inputs

if TYPE_CHECKING:
    from auditor.images.view import View
    from auditor.similarity.match import Neighbour
    from auditor.similarity.reference_index import IndexMetadata


def build_index(
    folder: PathLike,
    inputs: Inputs = (),
    *,
    kind: str = "synthetic",
    audits: Sequence[PathLike] = (),
    digests: Sequence[PathLike] = (),
    declared_only: bool = False,
    config: Config | None = None,
    jobs: int | None = None,
    engine: str | Engine = "processes",
    listener: Listener = Silent(),
) -> IndexMetadata:
    """Adds known images to an index, and makes it if there is none: images of datasets, of audits with vectors, or
    digests from lists. declared_only: from audits, only images confirmed as synthetic.

    After an interruption, finished parts of datasets are not read again. Raises AuditorError.
    """
    from auditor.audit import gather
    from auditor.similarity import index_writer

    reference_index = Path(folder)
    if not (digests or audits or inputs):
        raise IndexFileError("nothing to add: give datasets, audits or lists of digests")
    index_writer.begin(reference_index)
    metadata = index_writer.add_digests(reference_index, [Path(path) for path in digests], kind) if digests else None
    for audit in audits:
        metadata = index_writer.add_parts(
            reference_index, index_writer.parts_with_vectors(Path(audit)), kind, declared_only=declared_only
        )
    if inputs:
        chosen = config or Config.of(detectors=(), keep_vectors=True)
        parts = gather(
            inputs, index_writer.staging_folder(reference_index), chosen, make_engine(jobs, engine), listener
        )
        metadata = index_writer.add_parts(reference_index, parts, kind)
    index_writer.finish(reference_index)
    return metadata or index_metadata(reference_index)


def index_metadata(folder: PathLike) -> IndexMetadata:
    """The metadata of an index. Raises IndexFileError."""
    from auditor.similarity.reference_index import ReferenceIndex

    return ReferenceIndex(Path(folder)).metadata


def search_index(folder: PathLike, image: PathLike, *, nearest: int = 5, encoder: str | None = None) -> list[Neighbour]:
    """The images of an index that are nearest to an image file. Raises AuditorError."""
    from auditor.similarity.match import neighbours

    return neighbours(Path(folder), _view(image), VectorSource(encoder, is_wanted=True), nearest)


def _view(path: PathLike) -> View:
    from auditor.images.view import View
    from auditor.readers import listing
    from auditor.readers.folder import sample

    input = listing.parse(path, ReadOptions())
    return View(sample(input, input.only[0] if input.only else ""))
