"""open_clip models as encoders: any of its architectures, with weights on this machine.

`local-dir:FOLDER` is a folder with open_clip_config.json and open_clip_model.safetensors, as the hub has them;
`ARCHITECTURE:FILE.safetensors` is one of open_clip's architectures with weights from a file;
`open_clip:ARCHITECTURE/PRETRAINED` is one of open_clip's models with weights in the hub's cache (HF_HOME). Weights are
never downloaded here, and pickles, which can contain code, are refused. If torch finds a GPU, the model runs there in
half precision; its vectors can be compared with those in single precision (docs/explanation/similarity.md). Needs the
extra `clip`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from auditor.embeddings.embedded_encoder import Encoder, Encoding
from auditor.errors import ModelError

_BATCH = 16
_FOLDER = "local-dir:"
_TAGGED = "open_clip:"
_WEIGHTS = "open_clip_model.safetensors"


class OpenClipEncoder(Encoder):
    """See the module. Raises ModelError if the name, the weights or open_clip cannot be used."""

    def __init__(self, name: str) -> None:
        weights = weights_of(name)
        try:
            import open_clip
            import torch
        except ImportError as error:
            raise ModelError(f"{name}: needs open_clip: pip install 'mad-auditor[clip]' ({error})") from error
        torch.set_num_threads(1)  # audits use several processes
        architecture, options = _plan(name, weights)
        _refuse_fetching(name, architecture)
        self._device, precision = running_on()
        options |= {"device": self._device, "precision": precision}
        try:
            self._model, _, self._prepare = open_clip.create_model_and_transforms(architecture, **options)
        except Exception as error:  # open_clip raises any error of its loading code, assertions included
            problem = (str(error).splitlines() or [type(error).__name__])[0][:200]
            raise ModelError(f"{name}: open_clip cannot load it: {problem}") from error
        self._model.eval()
        self._kind = open_clip.get_input_dtype(precision)
        self._architecture = architecture
        with weights.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        steps = json.dumps(
            [architecture.partition(":")[0], open_clip.get_model_preprocess_cfg(self._model)], default=str
        )
        self.fingerprint = f"open_clip:{digest}:{hashlib.sha256(steps.encode()).hexdigest()[:8]}"
        self.dimension = int(self.encode([_blank()])[0].vector.shape[0])

    def encode(self, images: Sequence[np.ndarray]) -> list[Encoding]:
        """Unit vectors, without tokens."""
        import torch

        encodings: list[Encoding] = []
        for start in range(0, len(images), _BATCH):
            batch = torch.stack([self._prepare(Image.fromarray(image)) for image in images[start : start + _BATCH]])
            with torch.inference_mode():
                vectors = self._model.encode_image(batch.to(self._device, self._kind)).float()
            encodings += [Encoding(vector) for vector in _unit(vectors)]
        return encodings

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """float32 (n, dimension), unit vectors of captions. Raises ModelError for a model without a text encoder."""
        import torch

        encoded = []
        for start in range(0, len(texts), _BATCH):
            tokens = self._tokenizer(list(texts[start : start + _BATCH])).to(self._device)
            with torch.inference_mode():
                encoded.append(_unit(self._model.encode_text(tokens).float()))
        vectors: np.ndarray = np.concatenate(encoded)
        return vectors

    @cached_property
    def reads_texts(self) -> bool:
        """Whether its text encoder uses the vocabulary of open_clip; others would have to be downloaded."""
        import open_clip

        text = (open_clip.get_model_config(self._architecture) or {}).get("text_cfg", {})
        is_own = "hf_tokenizer_name" not in text and "tokenizer_kwargs" not in text
        return is_own and hasattr(self._model, "encode_text") and hasattr(self._model, "context_length")

    @cached_property
    def _tokenizer(self) -> Any:
        import open_clip

        if not self.reads_texts:
            raise ModelError(f"{self._architecture}: it has no text encoder with the vocabulary of open_clip")
        return open_clip.SimpleTokenizer(context_length=self._model.context_length)


def running_on() -> tuple[str, str]:
    """Device and precision: half precision on a GPU, single on a CPU, where it is faster."""
    import torch

    return ("cuda", "fp16") if torch.cuda.is_available() else ("cpu", "fp32")


@cache
def open_clip_encoder(name: str) -> OpenClipEncoder:
    """The encoder with this name, loaded once per process."""
    return OpenClipEncoder(name)


def weights_of(name: str) -> Path:
    """The file with a model's weights. Raises ModelError for a malformed name, a pickle, or a missing file."""
    kind, _, place = name.partition(":")
    if not place:
        raise ModelError(
            f"{name}: must name local weights: {_FOLDER}FOLDER, ARCHITECTURE:FILE.safetensors, or "
            f"{_TAGGED}ARCHITECTURE/PRETRAINED"
        )
    if name.startswith(_TAGGED):
        return _cached(name)
    path = Path(place) / _WEIGHTS if f"{kind}:" == _FOLDER else Path(place)
    if path.suffix != ".safetensors":
        raise ModelError(f"{name}: only safetensors are loaded, because pickles can contain code")
    if not path.is_file():
        raise ModelError(f"{path}: no such file; weights are not downloaded")
    return path


def _plan(name: str, weights: Path) -> tuple[str, dict[str, Any]]:
    """The architecture, and the other arguments for open_clip."""
    if name.startswith(_FOLDER):
        return name, {"pretrained": None}
    if not name.startswith(_TAGGED):
        return name.partition(":")[0], {"pretrained": str(weights)}
    architecture, known = _tagged(name)
    return architecture, {
        "pretrained": str(weights),
        "force_quick_gelu": bool(known.get("quick_gelu", False)),
        "image_mean": known.get("mean"),
        "image_std": known.get("std"),
        "image_interpolation": known.get("interpolation"),
        "image_resize_mode": known.get("resize_mode"),
    }


def _refuse_fetching(name: str, architecture: str) -> None:
    """Raises ModelError if open_clip would ask the hub about the text encoder, unless the hub is offline."""
    import open_clip
    from huggingface_hub import constants

    try:
        config = open_clip.get_model_config(architecture) or {}
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{name}: no open_clip_config.json that describes the model ({error})") from error
    tower = config.get("text_cfg", {}).get("hf_model_name")
    if tower and not constants.HF_HUB_OFFLINE:
        raise ModelError(
            f"{name}: its text encoder {tower} would be downloaded: run `hf download {tower}`, then set "
            "HF_HUB_OFFLINE=1 to read it from the hub's cache"
        )


def _tagged(name: str) -> tuple[str, dict[str, Any]]:
    """The architecture and open_clip's settings of these weights. Raises ModelError for an unknown name."""
    architecture, _, tag = name.removeprefix(_TAGGED).partition("/")
    try:
        from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model
    except ImportError as error:
        raise ModelError(f"{name}: needs open_clip: pip install 'mad-auditor[clip]' ({error})") from error
    known: dict[str, Any] = get_pretrained_cfg(architecture, tag) or {}
    if not known:
        tags = ", ".join(list_pretrained_tags_by_model(architecture)) or "none: no such architecture"
        raise ModelError(f"{name}: open_clip has no such weights; for {architecture} there are: {tags}")
    return architecture, known


def _cached(name: str) -> Path:
    """The weights in the hub's cache. Raises ModelError, which says how to download them, if they are missing."""
    from huggingface_hub import try_to_load_from_cache

    _, known = _tagged(name)
    repo, _, file = str(known.get("hf_hub", "")).rpartition("/")
    file = f"{Path(file).stem}.safetensors" if file else _WEIGHTS
    if not repo:
        raise ModelError(
            f"{name}: these weights are not on the hub; download them and use ARCHITECTURE:FILE.safetensors"
        )
    path = try_to_load_from_cache(repo, file)
    if not isinstance(path, str):
        raise ModelError(f"{name}: not on this machine: download it with `hf download {repo} {file}`")
    return Path(path)


def _unit(vectors: Any) -> np.ndarray:
    """float32 (n, dimension) from a tensor, normalised in single precision."""
    from torch.nn.functional import normalize

    unit: np.ndarray = normalize(vectors, dim=-1).cpu().numpy()
    return unit


def _blank() -> Any:
    return np.zeros((8, 8, 3), np.uint8)
