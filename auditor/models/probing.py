"""Fitting a probe: labelled inputs -> an encoder's vectors, source by source -> a linear head."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from auditor import registry
from auditor.audit import Inputs, choose
from auditor.config import Config
from auditor.embedding.clip import open_clip_encoder
from auditor.embedding.encoders import Encoder
from auditor.errors import ModelError, Refused
from auditor.models import probes
from auditor.models.probes import Probe
from auditor.plugin import Reader
from auditor.types import Sample
from auditor.verdicts.store import write_atomically
from auditor.view import View

if TYPE_CHECKING:
    import numpy as np

_BATCH = 16


def fit_probe(real: Inputs, synthetic: Inputs, encoder: str, out: Path, config: Config) -> Probe:
    """Fits a probe and writes it. Sources are domains or folders, as in audits. Raises AuditorError."""
    model = open_clip_encoder(encoder)
    sides = [vectors(inputs, model, config) for inputs in (real, synthetic)]
    weight, bias = probes.fit(*sides)
    words = (
        f"{sum(map(len, side.values())):,} {name} images of {len(side)} sources"
        for name, side in zip(("real", "synthetic"), sides, strict=True)
    )
    probe = Probe(encoder, model.fingerprint, ", ".join(words), weight, bias)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, probes.dumps(probe))
    return probe


def vectors(inputs: Inputs, encoder: Encoder, config: Config) -> dict[str, np.ndarray]:
    """(n, dimension) of each source's readable images. Raises ModelError where there are none."""
    import numpy as np

    found: dict[str, list[np.ndarray]] = defaultdict(list)
    held: list[tuple[str, np.ndarray]] = []

    def encode() -> None:
        for (source, _), encoding in zip(held, encoder.encode([image for _, image in held]), strict=True):
            found[source].append(encoding.vector)
        held.clear()

    for input, chosen in choose(inputs, config):
        for shard in chosen.shards(input):
            reader: Reader = registry.load("readers", shard.reader)()
            for item in reader.read(shard):
                if isinstance(item, Sample) and item.content is not None:
                    try:
                        held.append((item.source, View(item, config.limits).upright))
                    except Refused:
                        continue
                if len(held) >= _BATCH:
                    encode()
    encode()
    if not found:
        raise ModelError(f"{inputs}: no image in it can be read")
    return {source: np.stack(rows) for source, rows in sorted(found.items())}
