"""A linear head: a score from an encoder's tokens. Pure.

score = (tokens - mean) / deviation · weights + bias, about -1 for real and 1 for synthetic images, which are the
targets of the ridge regression that fits it (training/head.py; models/adapting.py).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_MOST = 1 << 20  # numbers that a head may have


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """float32 (tokens,) each; bias: float32 (1,)."""

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
        """sha256 of its numbers."""
        return hashlib.sha256(b"".join(part.tobytes() for part in self._parts())).hexdigest()

    def standardised(self, tokens: np.ndarray) -> np.ndarray:
        """float32 (n, tokens) as the weights see them."""
        found: np.ndarray = (tokens - self.mean) / self.deviation
        return found

    def scores(self, tokens: np.ndarray) -> np.ndarray:
        """(n,) of float32 (n, tokens)."""
        found: np.ndarray = self.standardised(tokens) @ self.weights + self.bias[0]
        return found

    def dumps(self) -> dict[str, str]:
        """As text: little-endian float32 in base64."""
        return {
            field.name: base64.b64encode(part.astype("<f4").tobytes()).decode()
            for field, part in zip(fields(self), self._parts(), strict=True)
        }

    @classmethod
    def parse(cls, content: Any) -> Head:
        """What `dumps` gave. Raises ValueError, TypeError or KeyError for anything else."""
        import numpy as np

        parts = {field.name: base64.b64decode(content[field.name], validate=True) for field in fields(cls)}
        if max(map(len, parts.values())) > 4 * _MOST:
            raise ValueError(f"a head of more than {_MOST} numbers")
        return cls(**{name: np.frombuffer(data, "<f4").astype(np.float32) for name, data in parts.items()}).checked()

    def checked(self) -> Head:
        """Itself. Raises ValueError where its parts do not fit together, or are not finite."""
        import numpy as np

        sizes = [part.shape for part in self._parts()]
        if len(set(sizes[:3])) > 1 or sizes[3] != (1,) or len(sizes[0]) != 1 or not sizes[0][0]:
            raise ValueError("a head whose parts do not fit together")
        if not all(np.isfinite(part).all() for part in self._parts()) or not (self.deviation > 0).all():
            raise ValueError("a head of numbers that are not finite, or of deviations that are not above 0")
        return self

    def _parts(self) -> tuple[np.ndarray, ...]:
        return self.mean, self.deviation, self.weights, self.bias
