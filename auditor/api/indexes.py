"""Reference indexes: made, told of, searched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.api.records import PathLike
from auditor.audit import Listener, Silent, make_engine
from auditor.config import Config, ReadOptions
from auditor.embeddings.vector_source import VectorSource
from auditor.errors import IndexFileError
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
    engine: str = "processes",
    listener: Listener = Silent(),
) -> IndexMetadata:
    """Puts known images into an index, which is made where there is none: those of datasets, of audits that kept
    vectors, or digests from lists. declared_only: of audits only what declared or matched evidence calls synthetic.

    Datasets that were read before an interruption are not read again. Raises AuditorError.
    """
    from auditor.audit import gather
    from auditor.similarity import index_writer

    reference_index = Path(folder)
    reference_index.mkdir(parents=True, exist_ok=True)
    facts = index_writer.add_digests(reference_index, [Path(path) for path in digests], kind) if digests else None
    for audit in audits:
        facts = index_writer.add_parts(
            reference_index, index_writer.parts_with_vectors(Path(audit)), kind, declared_only=declared_only
        )
    if inputs:
        chosen = config or Config.of(detectors=(), keep_vectors=True)
        parts = gather(inputs, index_writer.staging_folder(reference_index), chosen, make_engine(jobs, engine), listener)
        facts = index_writer.add_parts(reference_index, parts, kind)
        index_writer.clear_staging(reference_index)
    if facts is None:
        raise IndexFileError("nothing to add: name datasets, audits or lists of digests")
    return facts


def index_metadata(folder: PathLike) -> IndexMetadata:
    """What an index is and holds. Raises IndexFileError."""
    from auditor.similarity.reference_index import ReferenceIndex

    return ReferenceIndex(Path(folder)).metadata


def search_index(folder: PathLike, image: PathLike, *, nearest: int = 5, encoder: str | None = None) -> list[Neighbour]:
    """The nearest images of an index to one image file. Raises AuditorError."""
    from auditor.similarity.match import neighbours

    return neighbours(Path(folder), _view(image), VectorSource(encoder, is_wanted=True), nearest)


def _view(path: PathLike) -> View:
    from auditor.images.view import View
    from auditor.readers import listing
    from auditor.readers.folder import sample

    input = listing.parse(path, ReadOptions())
    return View(sample(input, input.only[0] if input.only else ""))
