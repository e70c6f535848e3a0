"""A linear head, which maps an encoder's tokens to a score. Pure.

score = (tokens - mean) / deviation · weights + bias. Scores are about -1 for real and 1 for synthetic images: these are
the targets of the ridge regression that fits the head (training/fit.py; calibration/adapt.py).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

_MAX_TOKENS = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """mean, deviation, weights: float32 (tokens,); bias: float32 (1,)."""

    mean: np.ndarray
    deviation: np.ndarray
    weights: np.ndarray
    bias: np.ndarray

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Head) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def digest(self) -> str:
        """The sha256 of all parameters."""
        return hashlib.sha256(b"".join(part.tobytes() for part in self._parts())).hexdigest()

    def standardised(self, tokens: np.ndarray) -> np.ndarray:
        """The tokens, float32 (n, tokens), minus the mean and divided by the deviation."""
        standardised: np.ndarray = (tokens - self.mean) / self.deviation
        return standardised

    def scores(self, tokens: np.ndarray) -> np.ndarray:
        """The scores, float32 (n,), of tokens, float32 (n, tokens)."""
        scores: np.ndarray = self.standardised(tokens) @ self.weights + self.bias[0]
        return scores

    def dumps(self) -> dict[str, str]:
        """The parameters as text: little-endian float32 in base64."""
        return {
            field.name: base64.b64encode(part.astype("<f4").tobytes()).decode()
            for field, part in zip(fields(self), self._parts(), strict=True)
        }

    @classmethod
    def parse(cls, content: Any) -> Head:
        """A head from the output of `dumps`. Raises ValueError, TypeError or KeyError for anything else."""
        parts = {field.name: base64.b64decode(content[field.name], validate=True) for field in fields(cls)}
        if (size := max(map(len, parts.values()))) > 4 * _MAX_TOKENS:
            raise ValueError(f"a head must have at most {_MAX_TOKENS} tokens, got {size // 4}")
        return cls(**{name: np.frombuffer(data, "<f4").astype(np.float32) for name, data in parts.items()}).checked()

    def checked(self) -> Head:
        """The head itself. Raises ValueError if its shapes do not match, or if a number is not finite."""
        sizes = [part.shape for part in self._parts()]
        if len(set(sizes[:3])) > 1 or sizes[3] != (1,) or len(sizes[0]) != 1 or not sizes[0][0]:
            raise ValueError(f"the shapes of a head must be (n,), (n,), (n,) and (1,), got {sizes}")
        if not all(np.isfinite(part).all() for part in self._parts()) or not (self.deviation > 0).all():
            raise ValueError("the numbers of a head must be finite, and its deviations above 0")
        return self

    def _parts(self) -> tuple[np.ndarray, ...]:
        return self.mean, self.deviation, self.weights, self.bias
