"""open_clip models as encoders: any of its architectures, with weights that lie on this machine.

`local-dir:FOLDER` is a folder with open_clip_config.json and open_clip_model.safetensors, as the hub has them;
`ARCHITECTURE:FILE.safetensors` is one of open_clip's architectures with weights from a file. Weights are never fetched
here, and pickles, which hold code, are refused. Needs the extra `clip`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.encoders import Encoder, Encoding
from auditor.errors import ModelError

if TYPE_CHECKING:
    import numpy as np

_BATCH = 16
_FOLDER = "local-dir:"
_WEIGHTS = "open_clip_model.safetensors"


class OpenClipEncoder(Encoder):
    """See the module. Raises ModelError where the name, the weights or open_clip cannot be used."""

    def __init__(self, name: str) -> None:
        weights = weights_of(name)
        try:
            import open_clip
            import torch
        except ImportError as error:
            raise ModelError(f"{name}: needs open_clip: pip install 'mad-auditor[clip]' ({error})") from error
        torch.set_num_threads(1)  # audits spread over processes
        architecture, _, _ = name.partition(":")
        is_folder = name.startswith(_FOLDER)
        try:
            self._model, _, self._prepare = open_clip.create_model_and_transforms(
                name if is_folder else architecture, pretrained=None if is_folder else str(weights)
            )
        except Exception as error:  # open_clip raises whatever its loading runs into, assertions among it
            why = (str(error).splitlines() or [type(error).__name__])[0][:200]
            raise ModelError(f"{name}: open_clip cannot load it: {why}") from error
        self._model.eval()
        with weights.open("rb") as file:
            self.fingerprint = f"open_clip:{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"
        self.dimension = int(self.encode([_blank()])[0].vector.shape[0])

    def encode(self, images: Sequence[np.ndarray]) -> list[Encoding]:
        """Unit vectors; no logits."""
        import torch
        from PIL import Image

        found: list[Encoding] = []
        for start in range(0, len(images), _BATCH):
            batch = torch.stack([self._prepare(Image.fromarray(image)) for image in images[start : start + _BATCH]])
            with torch.inference_mode():
                vectors = self._model.encode_image(batch, normalize=True).float().numpy()
            found += [Encoding(vector) for vector in vectors]
        return found


@cache
def open_clip_encoder(name: str) -> OpenClipEncoder:
    """The encoder of that name, loaded once a process."""
    return OpenClipEncoder(name)


def weights_of(name: str) -> Path:
    """The file with a model's weights. Raises ModelError for a name of neither form, a pickle, or no such file."""
    kind, _, place = name.partition(":")
    if not place:
        raise ModelError(f"{name}: name local weights: {_FOLDER}FOLDER, or ARCHITECTURE:FILE.safetensors")
    path = Path(place) / _WEIGHTS if f"{kind}:" == _FOLDER else Path(place)
    if path.suffix != ".safetensors":
        raise ModelError(f"{name}: only safetensors are loaded, because pickles can hold code")
    if not path.is_file():
        raise ModelError(f"{path}: no such file; weights are not fetched")
    return path


def _blank() -> Any:
    import numpy as np

    return np.zeros((8, 8, 3), np.uint8)
