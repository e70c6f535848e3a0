"""A linear head on an encoder's vectors, fitted on labelled images: the probe. Pure but for reading and writing it.

Logistic regression, shrunk strongly, each source of a class weighing the same (one that gives a thousand images shall
not decide alone). The strength is the one that generalised best to unseen sources for CLIP ViT-B/16: training/LOG.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import ModelError

if TYPE_CHECKING:
    import numpy as np

SCHEMA = "auditor-probe/1"
_STRENGTH = 3e-4  # C of a class whose weights sum to a half of the number of images
_KEY = "auditor"


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """encoder: its name; fingerprint: its weights'. weight: float32 (dimension,). origin: which images, in words."""

    encoder: str
    fingerprint: str
    origin: str
    weight: np.ndarray
    bias: float

    def logits(self, vectors: np.ndarray) -> np.ndarray:
        """(n,) of (n, dimension) unit vectors."""
        found: np.ndarray = vectors @ self.weight + self.bias
        return found


def fit(real: Mapping[str, np.ndarray], synthetic: Mapping[str, np.ndarray]) -> tuple[np.ndarray, float]:
    """Weight and bias from (n, dimension) unit vectors of each source. Raises ModelError for a class without any."""
    import numpy as np
    from scipy.optimize import minimize
    from scipy.special import expit

    if not real or not synthetic:
        raise ModelError("a probe needs real and synthetic images")
    x = np.concatenate([*real.values(), *synthetic.values()]).astype(np.float64)
    y = np.concatenate([np.zeros(sum(map(len, real.values()))), np.ones(sum(map(len, synthetic.values())))])
    w = np.concatenate([_weights(real), _weights(synthetic)])
    middle = np.average(x, axis=0, weights=w)
    spread = np.sqrt(np.average((x - middle) ** 2, axis=0, weights=w)) + 1e-6
    z = (x - middle) / spread

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        t = z @ line[:-1] + line[-1]
        error = w * (expit(t) - y)
        value = (w * (np.logaddexp(0, t) - y * t)).sum() + (line[:-1] ** 2).sum() / (2 * _STRENGTH * len(y))
        return float(value), np.append(z.T @ error + line[:-1] / (_STRENGTH * len(y)), error.sum())

    line = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B").x
    weight = line[:-1] / spread
    return weight.astype(np.float32), float(line[-1] - middle @ weight)


def _weights(sources: Mapping[str, np.ndarray]) -> np.ndarray:
    """Summing to a half, the same for each source."""
    import numpy as np

    return np.concatenate([np.full(len(part), 0.5 / (len(sources) * len(part))) for part in sources.values()])


def dumps(probe: Probe) -> bytes:
    """A safetensors file: numbers, and what they belong to."""
    import numpy as np
    from safetensors.numpy import save

    facts = {"schema": SCHEMA, "encoder": probe.encoder, "fingerprint": probe.fingerprint, "origin": probe.origin}
    tensors = {"weight": probe.weight.astype(np.float32), "bias": np.array([probe.bias], np.float32)}
    return save(tensors, metadata={_KEY: json.dumps(facts)})


def load(path: Path) -> tuple[Probe, str]:
    """The probe of a file, and the file's sha256. Raises ModelError for what is none."""
    import numpy as np

    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise ModelError(f"{path}: needs safetensors: pip install 'mad-auditor[clip]'") from error
    try:
        data = path.read_bytes()
        with safe_open(path, framework="np") as file:
            facts = json.loads((file.metadata() or {}).get(_KEY, "{}"))
            if facts.get("schema") != SCHEMA:
                raise ModelError(f"{path}: not a probe of schema {SCHEMA}")
            weight, bias = file.get_tensor("weight"), file.get_tensor("bias")
    except (OSError, SafetensorError, ValueError, AttributeError) as error:
        raise ModelError(f"{path}: cannot be read as a probe: {error}") from error
    if weight.ndim != 1 or bias.shape != (1,) or not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise ModelError(f"{path}: a weight of one dimension and a bias are needed, all finite")
    names: Sequence[str] = [str(facts.get(name)) for name in ("encoder", "fingerprint", "origin")]
    return Probe(names[0], names[1], names[2], weight, float(bias[0])), hashlib.sha256(data).hexdigest()
