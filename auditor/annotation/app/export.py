"""Images to label elsewhere: a folder that works without a server, and an empty label file for those who use neither.

The page keeps answers in the browser and hands them out as labels.csv. It does not show keys or file names unasked,
but they lie in the folder, as they have to be in labels.csv; what the audit made of an image is sealed there.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from auditor.annotation import file
from auditor.annotation.app.pictures import ImageStore
from auditor.annotation.app.server import page
from auditor.annotation.sample import AnnotationItem
from auditor.errors import LabelError

_IMAGES = "images"


def export(folder: Path, drawn: Sequence[AnnotationItem], labeller: str, fill: Callable[[ImageStore], None]) -> None:
    """Write the folder. fill: puts every picture in. Raises LabelError where something else lies there already."""
    try:
        (folder / _IMAGES).mkdir(parents=True)
        if len(list(folder.iterdir())) > 1:
            (folder / _IMAGES).rmdir()
            raise LabelError(f"{folder}: not empty: name a new folder")
    except OSError as error:
        raise LabelError(f"{folder}: {error.strerror or error}: name a new folder") from error
    prepared = ImageStore(folder / _IMAGES, drawn)
    fill(prepared)
    file.write(
        folder / "labels.csv", (), todo=[(row.key, file.obfuscate_stratum(row.key, row.stratum)) for row in drawn]
    )
    (folder / "index.html").write_text(_page(drawn, labeller, prepared), "utf-8")


def _page(drawn: Sequence[AnnotationItem], labeller: str, prepared: ImageStore) -> str:
    """label.html with its style and script inside, which are all that may run in it."""
    style, script = page("label.css").decode(), page("label.js").decode()
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src 'self' file: data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        page("label.html")
        .decode()
        .replace("<head>", f'<head>\n<meta http-equiv="Content-Security-Policy" content="{policy}">')
        .replace('<link rel="stylesheet" href="label.css">', f"<style>{style}</style>")
        .replace('<script src="label.js" defer></script>', "")
        .replace("</body>", f"{_task(drawn, labeller, prepared)}\n<script>{script}</script>\n</body>")
    )


def _task(drawn: Sequence[AnnotationItem], labeller: str, prepared: ImageStore) -> str:
    items = [
        {
            "key": row.key,
            "stratum": file.obfuscate_stratum(row.key, row.stratum),
            "image": "" if prepared.reason(number) else f"{_IMAGES}/{prepared.name(number)}",
            "reason": prepared.reason(number),
            **prepared.about(number),
        }
        for number, row in enumerate(drawn)
    ]
    keys = "\0".join([labeller, *(row.key for row in drawn)])
    id = f"auditor label {hashlib.sha256(keys.encode('utf-8', 'replace')).hexdigest()}"
    # Nothing in it can end the element that it stands in.
    text = json.dumps({"id": id, "labeller": labeller, "items": items}).replace("<", "\\u003c")
    return f'<script type="application/json" id="task">{text}</script>'


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
