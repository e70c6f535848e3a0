"""Everything the command line does, as functions. Errors that the caller can mend are AuditorErrors."""

from __future__ import annotations

import datetime
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auditor import calibration, gallery, loops, record, registry
from auditor import policy as policies
from auditor.audit import Inputs, Listener, Silent, digest_of, make_engine, run_audit
from auditor.calibration import Calibration
from auditor.config import Config
from auditor.decisions import Decision
from auditor.decode import Limits
from auditor.errors import AuditFileError, CalibrationError, EvidenceError, PolicyError, UnknownPlugin
from auditor.loops import Generation
from auditor.mad import Assumptions
from auditor.plugin import Example, ReadOptions, Renderer, RowRenderer, Shows
from auditor.policy import Policy
from auditor.results import Audit
from auditor.rules import Context
from auditor.store import Store, write_atomically
from auditor.types import Row

if TYPE_CHECKING:
    import pandas as pd

    from auditor.comparing import Comparison
    from auditor.probes import Probe

OUTPUTS = {"json": "audit.json", "html": "report.html", "markdown": "summary.md"}
OTHERS = {
    "junit": "junit.xml", "sarif": "audit.sarif", "croissant": "croissant.json", "github": "annotations.txt",
    "terminal": "summary.txt",
}  # fmt: skip
DIFFS = ("terminal", "html", "json")
PathLike = str | os.PathLike[str]


def scan(
    inputs: Inputs,
    *,
    out: PathLike | None = None,
    policy: Policy | PathLike | None = None,
    config: Config | None = None,
    baseline: Audit | PathLike | None = None,
    jobs: int | None = None,
    engine: str = "processes",
    restart: bool = False,
    examples: int = gallery.USUAL,
    also: Iterable[str] = (),
    listener: Listener = Silent(),
) -> Audit:
    """Audit a dataset: a folder, a table, tars, or several of those.

    With `out` the evidence is kept there and the run can be resumed, and audit.json, report.html and summary.md are
    written with what `policy` decides, and the formats `also` asked for; without it only the audit is returned.
    examples: rows that the report shows with small pictures, at most 1,000. With the `processes` engine the calling
    script needs the usual `if __name__ == "__main__":`. Raises AuditorError.
    """
    chosen = _policy(policy)
    if out is None:
        with tempfile.TemporaryDirectory(prefix="auditor-") as passing:
            return run_audit(inputs, Path(passing), config or Config(), make_engine(jobs, engine), listener=listener)
    folder = Path(out)
    audit = run_audit(
        inputs, folder, config or Config(), make_engine(jobs, engine), restart=restart,
        examples=min(examples, gallery.MOST), listener=listener,
    )  # fmt: skip
    write(audit, decide(audit, chosen, baseline=baseline), folder, (*OUTPUTS, *also))
    return audit


def decide(
    audit: Audit,
    policy: Policy | PathLike | None = None,
    *,
    baseline: Audit | PathLike | None = None,
    audited: datetime.date | None = None,
) -> Decision:
    """Hold an audit against a policy (default: the default one). audited: its day, for rules on its age."""
    today = datetime.date.today()
    against = load(baseline) if isinstance(baseline, str | os.PathLike) else baseline
    return policies.decide(audit, _policy(policy), Context(today, audited or today, against))


def load(path: PathLike) -> Audit:
    """The audit of an audit.json, or of the folder that it lies in. Raises AuditFileError."""
    return record.loads(_bytes(audit_path(path)))


def evidence(out: PathLike) -> pd.DataFrame:
    """Every row of evidence of an audit's folder; the columns are those of docs/formats.md. It has to fit in memory."""
    import pandas as pd

    return pd.concat((pd.read_parquet(path) for path in _parts(out)), ignore_index=True)


def calibrate(
    real: Inputs,
    synthetic: Inputs | None = None,
    *,
    detector: str = "synthetic",
    read: ReadOptions = ReadOptions(),
    input_format: str | None = None,
    jobs: int | None = None,
    engine: str = "processes",
) -> Calibration:
    """Error counts of a statistical detector on labelled images; see calibrating. Raises AuditorError."""
    from auditor import calibrating

    config = Config(read=read, input_format=input_format)
    return calibrating.calibrate(real, synthetic, make_engine(jobs, engine), detector=detector, config=config)


def fit_probe(
    real: Inputs,
    synthetic: Inputs,
    encoder: str,
    *,
    read: ReadOptions = ReadOptions(),
    input_format: str | None = None,
) -> tuple[Probe, Path]:
    """Fits the probe on an open_clip model's vectors of labelled images; also where it lies. Raises AuditorError."""
    from auditor import models, probing

    path = models.folder() / "probe.safetensors"
    config = Config(read=read, input_format=input_format)
    return probing.fit_probe(real, synthetic, encoder, path, config), path


def read_calibration(path: PathLike) -> Calibration:
    """A calibration file. Raises CalibrationError, with its path, also for one of other weights."""
    from auditor.statistical import StatisticalDetector

    try:
        found = calibration.parse(_bytes(Path(path)).decode("utf-8", "replace"))
        model = registry.load("detectors", found.detector)()
        if not isinstance(model, StatisticalDetector) or found.sha256 != model.weights():
            raise CalibrationError(f"it was made for {found.model} with other weights: calibrate again")
    except (CalibrationError, UnknownPlugin, OSError) as error:
        raise CalibrationError(f"{path}: {error}") from error
    return found


def is_same_dataset(
    audit: Audit, dataset: Inputs, *, read: ReadOptions = ReadOptions(), jobs: int | None = None
) -> bool:
    """Whether a dataset is still the audited one, byte for byte; read in full, decoded not at all."""
    from auditor.audit import DEPTHS

    depth = DEPTHS[str(audit.config["depth"])]
    limits = Limits(**audit.config["limits"])
    config = Config(depth=depth, limits=limits, read=read, input_format=audit.config["input_format"])
    return digest_of(dataset, config, make_engine(jobs)) == str(audit.digests["dataset"])


def merge(folders: Sequence[PathLike], out: PathLike, policy: Policy | PathLike | None = None) -> Audit:
    """One audit from evidence that was gathered apart, say on several machines. Raises EvidenceError where the parts
    were made differently or overlap."""
    from auditor.merging import merge_evidence

    audit = merge_evidence([Path(folder) for folder in folders], Path(out))
    write(audit, decide(audit, policy), Path(out))
    return audit


def examine(path: PathLike, *, read: ReadOptions = ReadOptions()) -> Row:
    """Every signal of one image file. Raises NoSuchInput."""
    from auditor.readers import listing
    from auditor.readers.folder import sample
    from auditor.work import examined

    input = listing.parse(path, read)
    return examined(sample(input, input.only[0] if input.only else ""))


def explain(name: str) -> str:
    """A detector's documentation. Raises UnknownPlugin."""
    return registry.documentation("detectors", name)


def simulate(
    fractions: Sequence[float],
    *,
    loop: str = "fresh",
    images: int = 1_000_000,
    lambda_: float = Assumptions().lambda_,
    dimension: float = Assumptions().dimension,
    runs: int | None = None,
    seed: int = 0,
) -> list[Generation]:
    """Generation after generation of generators trained on these synthetic fractions of `images`, 0 trained on reality.

    By closed forms, or, with `runs`, as the mean of so many simulated loops. Raises ValueError for an unknown loop
    (fresh, augmentation, synthetic) or fractions that it cannot have.
    """
    if runs is None:
        return loops.trajectory(loop, fractions, n=images, d=dimension, lambda_=lambda_)
    return loops.simulated(loop, fractions, n=images, d=round(dimension), lambda_=lambda_, runs=runs, seed=seed)


def plot_simulation(found: Sequence[Generation], *, budget: float = Assumptions().delta) -> str:
    """A chart of `simulate`'s generations as SVG, with the loss of diversity that is tolerated."""
    from reports import charts

    return charts.generations(found, budget)


def render(audit: Audit, decision: Decision, format: str, *, examples: Iterable[Example] = ()) -> str:
    """An audit in an output format; `examples` are shown by those that show rows. Raises UnknownPlugin."""
    renderer: Renderer = registry.load("reports", format)()
    if isinstance(renderer, RowRenderer):
        return renderer.render_with(audit, decision, tuple(examples)[: renderer.most])
    return renderer.render(audit, decision)


def examples_for(format: str, out: PathLike) -> tuple[Example, ...]:
    """The rows of an audit's folder that a format shows; none where it shows none or there is no evidence."""
    renderer = registry.load("reports", format)
    if not issubclass(renderer, RowRenderer):
        return ()
    if renderer.shows is Shows.GALLERY:
        return gallery.load(Path(out))
    return gallery.decided(Path(out), renderer.most)


def diff(before: PathLike, after: PathLike) -> Comparison:
    """Two audits side by side; see comparing. Raises AuditFileError."""
    from auditor.comparing import compare

    texts = [_bytes(audit_path(path)) for path in (before, after)]
    one, two = (record.decision_of(text) for text in texts)
    return compare(record.loads(texts[0]), record.loads(texts[1]), (one, two))


def render_diff(comparison: Comparison, format: str = "terminal") -> str:
    """A comparison as text for the terminal, as an HTML page or as JSON."""
    from importlib import import_module

    if format not in DIFFS:
        raise UnknownPlugin(f"no format of comparisons named '{format}'; there are: {', '.join(DIFFS)}")
    return str(import_module(f"reports.diff.{format}").render(comparison))


def export(out: PathLike, format: str = "csv", *, verdicts: Collection[str] = ()) -> Iterator[str]:
    """The evidence of an audit's folder as lines of csv or jsonl. Raises EvidenceError where there is none."""
    from auditor import exporting

    return exporting.lines(_parts(out), format, verdicts)


def write(audit: Audit, decision: Decision, out: Path, formats: Iterable[str] = tuple(OUTPUTS)) -> None:
    """An audit in its folder, in each format under its usual name: audit.json, report.html, summary.md …"""
    out.mkdir(parents=True, exist_ok=True)
    for format in formats:
        text = render(audit, decision, format, examples=examples_for(format, out))
        write_atomically(out / file_name(format), text.encode("utf-8", "replace"))


def file_name(format: str) -> str:
    """What a format's file is called in an audit's folder."""
    names = {**OUTPUTS, **OTHERS}
    return names.get(format) or f"{format}{registry.load('reports', format).suffix}"


def read_policy(path: PathLike) -> Policy:
    """A policy file. Raises PolicyError."""
    try:
        return policies.parse(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: {error}") from error
    except PolicyError as error:
        raise PolicyError(f"{path}: {error}") from error


def audit_path(path: PathLike) -> Path:
    """The audit.json that a path means: itself, or the one in a folder."""
    found = Path(path)
    return found / OUTPUTS["json"] if found.is_dir() else found


def _parts(out: PathLike) -> list[Path]:
    parts = [part.path for part in Store(Path(out)).parts()]
    if not parts:
        raise EvidenceError(f"{out}: no evidence there")
    return parts


def _policy(policy: Policy | PathLike | None) -> Policy:
    if policy is None:
        return policies.default()
    return policy if isinstance(policy, Policy) else read_policy(policy)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AuditFileError(f"{path}: {error.strerror or error}") from error
