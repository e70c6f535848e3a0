"""A small dataset to try the tool on: scikit-image's photographs, some with the metadata that generators write.

The photographs are freely licensed (scikit-image's data/README). None is synthetic; only the metadata of the marked
ones say so. Needs the extra `demo`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from auditor.errors import AuditorError

_PHOTOS = (
    "astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "clock_motion.png", "coffee.png",
    "coins.png", "color.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png",
    "motorcycle_left.png", "motorcycle_right.png", "page.png", "retina.jpg", "rocket.jpg", "text.png",
)  # fmt: skip
_SETTINGS = "a photo, 8k\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512"
_GRAPH = {"3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 20}}}
_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    f'Iptc4xmpExt:DigitalSourceType="{_SOURCE_TYPE}"/></rdf:RDF></x:xmpmeta>'
)


def build(folder: Path) -> int:
    """Write the dataset (an imagefolder with metadata.csv) and return its number of rows.

    Raises AuditorError without scikit-image, or if the folder already holds something else.
    """
    photos = _photos()
    if folder.exists() and any(folder.iterdir()) and not (folder / "metadata.csv").exists():
        raise AuditorError(f"{folder} is not empty: name another folder for the demo dataset")
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[str, str]] = []

    def add(name: str, data: bytes, caption: str) -> None:
        (folder / name).write_bytes(data)
        rows.append((name, caption))

    for path in photos:
        add(f"{path.stem}.jpg", _jpeg(path), f"{path.stem.replace('_', ' ')}, a photograph")
    for path, (mark, write) in zip(photos, _MARKS.items(), strict=False):
        add(f"{mark}.{'jpg' if 'iptc' in mark else 'png'}", write(path), f"{path.stem}, marked like {mark}")
    add("cut-short.jpg", _jpeg(photos[0])[:9000], "a truncated download")
    with (folder / "metadata.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file_name", "text"), *sorted(rows)])
    return len(rows)


def _photos() -> list[Path]:
    try:
        import skimage
    except ImportError as error:
        raise AuditorError(
            "the demo dataset is made of scikit-image's photographs: pip install 'mad-auditor[demo]'"
        ) from error
    folder = Path(skimage.__file__).parent / "data"
    return [folder / name for name in _PHOTOS if (folder / name).exists()]


def _jpeg(path: Path, *, xmp: bytes | None = None) -> bytes:
    out = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(out, "JPEG", quality=92, **({"xmp": xmp} if xmp else {}))
    return out.getvalue()


def _png(path: Path, **texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, value in texts.items():
        info.add_text(key, value)
    out = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(out, "PNG", pnginfo=info)
    return out.getvalue()


def _stealth(path: Path) -> bytes:
    """The settings in the lowest bits of red, green and blue, down the columns."""
    payload = _SETTINGS.encode()
    bits = np.unpackbits(np.frombuffer(b"stealth_rgbinfo" + (8 * len(payload)).to_bytes(4, "big") + payload, np.uint8))
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).transpose(1, 0, 2).copy()
    flat = pixels.reshape(-1)
    flat[: len(bits)] = (flat[: len(bits)] & 0xFE) | bits
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 0, 2))).save(out, "PNG")
    return out.getvalue()


_MARKS: dict[str, Callable[[Path], bytes]] = {
    "automatic1111": lambda path: _png(path, parameters=_SETTINGS),
    "comfyui": lambda path: _png(path, prompt=json.dumps(_GRAPH)),
    "iptc-source-type": lambda path: _jpeg(path, xmp=_XMP.encode()),
    "stealth-pnginfo": _stealth,
}
