"""Exports images to label elsewhere: a folder with a page that works without a server, and an empty label file.

The page stores labels in the browser and saves them as labels.csv. It shows keys and file names only on request. The
folder does contain keys, because labels.csv needs them; the audit's verdicts are obfuscated in it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from auditor.annotation import file
from auditor.annotation.app.pictures import ImageStore
from auditor.annotation.app.server import SCRIPTS, page
from auditor.annotation.file import ToDo
from auditor.annotation.sample import AnnotationItem
from auditor.errors import LabelError
from auditor.storage.atomic import UNFINISHED, together

_IMAGES, _LABELS, _PAGE = "images", "labels.csv", "index.html"


def export(
    folder: Path,
    items: Sequence[AnnotationItem],
    labeller: str,
    fill: Callable[[ImageStore], None],
    *,
    counts_edited: bool = False,
) -> None:
    """Writes the folder, all or nothing. fill: adds every image to the store. counts_edited: as in LabelServer. Raises
    LabelError if the folder holds something else, as labels that people have filled in."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = {path.name for path in folder.iterdir()} - {_IMAGES, _LABELS, _PAGE, UNFINISHED}
    except OSError as error:
        raise LabelError(f"{folder}: {error.strerror or error}: name a new folder") from error
    if others:
        raise LabelError(f"{folder}: not empty: name a new folder")
    try:
        with together(folder) as unfinished:
            (unfinished / _IMAGES).mkdir()
            store = ImageStore(unfinished / _IMAGES, items)
            fill(store)
            todo = [ToDo(item.key, file.obfuscate_stratum(item.key, item.stratum), item.sha256 or "") for item in items]
            file.write(unfinished / _LABELS, (), todo=todo)
            content = _task(items, labeller, store, counts_edited)
            (unfinished / _PAGE).write_text(_page(content), "utf-8")
    except FileExistsError as error:
        raise LabelError(f"{folder}: not empty: name a new folder") from error


def _page(task: str) -> str:
    """label.html with inlined style and scripts; its content security policy permits no others. task: an element."""
    style, script = page("label.css").decode(), "\n".join(page(name).decode() for name in SCRIPTS)
    html = page("label.html").decode()
    for name in SCRIPTS:
        html = html.replace(f'<script src="{name}" defer></script>\n', "")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src 'self' file: data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        html.replace("<head>", f'<head>\n<meta http-equiv="Content-Security-Policy" content="{policy}">')
        .replace('<link rel="stylesheet" href="label.css">', f"<style>{style}</style>")
        .replace("</body>", f"{task}\n<script>{script}</script>\n</body>")
    )


def _task(items: Sequence[AnnotationItem], labeller: str, store: ImageStore, counts_edited: bool) -> str:
    """The script element with what the page shows."""
    entries = [
        {
            "key": item.key,
            "stratum": file.obfuscate_stratum(item.key, item.stratum),
            "sha256": item.sha256 or "",
            "image": "" if store.reason(number) else f"{_IMAGES}/{store.name(number)}",
            "reason": store.reason(number),
            **store.context(number),
        }
        for number, item in enumerate(items)
    ]
    keys = "\0".join([labeller, *(item.key for item in items)])
    id = f"auditor labels {hashlib.sha256(keys.encode('utf-8', 'replace')).hexdigest()}"
    # "<" is escaped so that no text can close the script element.
    content = {"id": id, "labeller": labeller, "items": entries, "countsEdited": counts_edited}
    text = json.dumps(content).replace("<", "\\u003c")
    return f'<script type="application/json" id="task">{text}</script>'


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
