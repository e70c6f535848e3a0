"""Reference banks: made, told of, searched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.api.records import PathLike
from auditor.audit import Inputs, Listener, Silent, make_engine
from auditor.config import Config, ReadOptions
from auditor.embedding.sources import VectorSource
from auditor.errors import IndexFileError

if TYPE_CHECKING:
    from auditor.similarity.banks import Facts
    from auditor.similarity.recognising import Neighbour
    from auditor.view import View


def make_bank(
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
) -> Facts:
    """Puts known images into a bank, which is made where there is none: those of datasets, of audits that kept vectors,
    or digests from lists. declared_only: of audits only what declared or matched evidence calls synthetic.

    Datasets that were read before an interruption are not read again. Raises AuditorError.
    """
    from auditor.audit import gather
    from auditor.similarity import banking

    bank = Path(folder)
    bank.mkdir(parents=True, exist_ok=True)
    facts = banking.add_digests(bank, [Path(path) for path in digests], kind) if digests else None
    for audit in audits:
        facts = banking.add_parts(bank, banking.evidence_of(Path(audit)), kind, declared_only=declared_only)
    if inputs:
        chosen = config or Config.of(detectors=(), keep_vectors=True)
        parts = gather(inputs, banking.building(bank), chosen, make_engine(jobs, engine), listener)
        facts = banking.add_parts(bank, parts, kind)
        banking.built(bank)
    if facts is None:
        raise IndexFileError("nothing to add: name datasets, audits or lists of digests")
    return facts


def bank_facts(folder: PathLike) -> Facts:
    """What a bank is and holds. Raises IndexFileError."""
    from auditor.similarity.banks import Bank

    return Bank(Path(folder)).facts


def search_bank(folder: PathLike, image: PathLike, *, nearest: int = 5, encoder: str | None = None) -> list[Neighbour]:
    """The nearest images of a bank to one image file. Raises AuditorError."""
    from auditor.similarity.recognising import neighbours

    return neighbours(Path(folder), _view(image), VectorSource(encoder, is_wanted=True), nearest)


def _view(path: PathLike) -> View:
    from auditor.readers import listing
    from auditor.readers.folder import sample
    from auditor.view import View

    input = listing.parse(path, ReadOptions())
    return View(sample(input, input.only[0] if input.only else ""))
