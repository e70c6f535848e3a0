"""Optional models: the catalogue, and their weights on this machine. Nothing is downloaded unless the user asks.

Weights are pinned by digest: a file with another digest is never loaded. Formats are ONNX and safetensors, which
contain numbers and a graph; pickles, which can contain code, are refused.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from auditor.errors import ModelError

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

_OFFLINE = ("HF_HUB_OFFLINE", "AUDITOR_OFFLINE")
_BLOCK = 1 << 20
_TIMEOUT = 30  # seconds without a byte


@dataclass(frozen=True, slots=True)
class OptionalModel:
    """id: also the id of its detector. repo, revision, file: its weights on the Hugging Face hub."""

    id: str
    what: str
    licence: str
    repo: str
    revision: str
    file: str
    size: int
    sha256: str

    @property
    def url(self) -> str:
        """The address that `pull` downloads; HF_ENDPOINT names a mirror, as in the hub's own tools."""
        endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
        return f"{endpoint}/{self.repo}/resolve/{self.revision}/{self.file}"

    @property
    def path(self) -> Path:
        """The file on this machine."""
        return folder() / f"{self.id}-{self.sha256[:12]}{Path(self.file).suffix}"


CATALOGUE = {
    model.id: model
    for model in (
        OptionalModel(
            id="community-forensics",
            what="ViT-S/16 at 384 pixels, trained on 4,803 generators (Park & Owens, CVPR 2025, arXiv 2411.04125)",
            licence="MIT",
            repo="buildborderless/CommunityForensics-DeepfakeDet-ViT",
            revision="ac6ee457bea904a373065754107451793b56db00",
            file="onnx/model.onnx",
            size=87_442_080,
            sha256="a42c7d740fbb345ba9a26d469b22f301d73089ce3c6da993877ed2b6965a8ba1",
        ),
    )
}


def folder() -> Path:
    """The folder of optional models: AUDITOR_MODELS, or the user's cache."""
    from platformdirs import user_cache_path

    chosen = os.environ.get("AUDITOR_MODELS")
    return Path(chosen) if chosen else user_cache_path("mad-auditor") / "models"


def find(id: str) -> OptionalModel:
    """The model with this id. Raises ModelError, with the known ids."""
    try:
        return CATALOGUE[id]
    except KeyError:
        raise ModelError(f"no optional model named '{id}'; there are: {', '.join(CATALOGUE)}") from None


def verified(id: str) -> Path:
    """The file of weights, if it is on this machine and unchanged. Raises ModelError, which says what to do."""
    model = find(id)
    if not model.path.exists():
        raise ModelError(
            f"{id} is not on this machine: `auditor models pull {id}` downloads {model.size / 1e6:.0f} MB "
            f"({model.licence}) to {model.path}"
        )
    digest = _digest(model.path, model.path.stat().st_mtime_ns)
    if digest != model.sha256:
        raise ModelError(f"{model.path}: its sha256 is {digest}, not {model.sha256}: delete it and pull it again")
    return model.path


def pull(id: str, on_bytes: Callable[[int], None] = lambda size: None) -> Path:
    """Downloads a model's weights, unless they are on this machine. on_bytes: called with the size of each block.

    Raises ModelError, and keeps nothing, if HF_HUB_OFFLINE or AUDITOR_OFFLINE is set, the address is not https, the
    download fails, or the file is not the pinned one.
    """
    from http.client import HTTPException

    model = find(id)
    if model.path.exists():
        return verified(id)
    offline = next((name for name in _OFFLINE if os.environ.get(name, "") not in ("", "0")), None)
    if offline:
        raise ModelError(f"{offline} is set: nothing is downloaded. Put {model.url} at {model.path} by other means")
    _require_https(model.url)
    try:
        model.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=model.path.parent, suffix=".tmp") as temporary:
            _fetch(model, cast("IO[bytes]", temporary), on_bytes)
            os.link(temporary.name, model.path)
    except FileExistsError:  # another process was faster
        return verified(id)
    except (OSError, HTTPException, ValueError) as error:
        raise ModelError(f"{model.url}: cannot be downloaded: {error or type(error).__name__}") from error
    return model.path


def _fetch(model: OptionalModel, file: IO[bytes], on_bytes: Callable[[int], None]) -> None:
    """Writes the download, up to the expected size. Raises ModelError if it is not the pinned file."""
    total, size = hashlib.sha256(), 0
    with _opener().open(model.url, timeout=_TIMEOUT) as answer:
        while block := answer.read(_BLOCK):
            size += len(block)
            if size > model.size:
                raise ModelError(f"{model.url}: larger than the expected {model.size:,} bytes; it is not kept")
            total.update(block)
            file.write(block)
            on_bytes(len(block))
    file.flush()
    if size < model.size:
        raise ModelError(f"{model.url}: {size:,} of {model.size:,} bytes were received; they are not kept")
    if total.hexdigest() != model.sha256:
        raise ModelError(f"{model.url}: its sha256 is {total.hexdigest()}, not {model.sha256}: it is not kept")


def _opener() -> OpenerDirector:
    """Opens addresses, and follows redirects to https addresses only."""
    from urllib.request import HTTPRedirectHandler, build_opener

    class HttpsOnly(HTTPRedirectHandler):
        def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: str) -> Any:
            _require_https(newurl)
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    return build_opener(HttpsOnly())


def _require_https(url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ModelError(f"{url}: {error}") from error
    is_own = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1")
    if parts.scheme != "https" and not is_own:
        raise ModelError(f"{url}: models must be downloaded over https")


@cache
def _digest(path: Path, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
