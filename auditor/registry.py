"""The available plugins: tables of "id" -> "module:Class", imported when used.

Other packages add plugins through the entry-point groups auditor.detectors, auditor.readers, auditor.reports and
auditor.engines (name = id, value = module:Class).
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import inspect
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from auditor.errors import UnknownPlugin

# In order of detection: the first reader that accepts an input reads it.
_READERS = {
    "img2dataset": "auditor.readers.img2dataset:Img2dataset",
    "webdataset": "auditor.readers.webdataset:Webdataset",
    "imagefolder": "auditor.readers.imagefolder:Imagefolder",
    "table": "auditor.readers.table:Table",
    "folder": "auditor.readers.folder:Folder",
}
_DETECTORS = {
    "declared-column": "detectors.declared_column:DeclaredColumn",
    "generator-text": "detectors.generator_text:GeneratorText",
    "creator-tags": "detectors.creator_tags:CreatorTags",
    "digital-source-type": "detectors.digital_source_type:DigitalSourceType",
    "aigc-label": "detectors.aigc_label:AigcLabel",
    "c2pa": "detectors.c2pa:C2pa",
    "dwt-dct": "detectors.dwt_dct:DwtDct",
    "dwt-dct-crops": "detectors.dwt_dct_crops:DwtDctCrops",
    "dalle2-bar": "detectors.dalle2_bar:Dalle2Bar",
    "known-image": "detectors.known_image:KnownImage",
    "known-file": "detectors.known_file:KnownFile",
    "known-neighbour": "detectors.known_neighbour:KnownNeighbour",
    "classifier": "detectors.classifier:Classifier",
    "community-forensics": "detectors.community_forensics:CommunityForensics",
    "stealth-pnginfo": "detectors.stealth_pnginfo:StealthPnginfo",
    "host-prior": "detectors.host_prior:HostPrior",
    "file-name-prior": "detectors.file_name_prior:FileNamePrior",
    "caption-prior": "detectors.caption_prior:CaptionPrior",
}
_REPORTS = {
    "json": "reports.json:Json",
    "html": "reports.html:Html",
    "markdown": "reports.markdown:Markdown",
    "terminal": "reports.terminal:Terminal",
    "notebook": "reports.notebook:Notebook",
    "junit": "reports.junit:Junit",
    "sarif": "reports.sarif:Sarif",
    "github": "reports.github:Github",
    "croissant": "reports.croissant:Croissant",
}
_ENGINES = {
    "serial": "auditor.engines.serial:Serial",
    "processes": "auditor.engines.processes:Processes",
    "ray": "auditor.engines.ray:Ray",
}
_TABLES = {"readers": _READERS, "detectors": _DETECTORS, "reports": _REPORTS, "engines": _ENGINES}

_HOME = Path(__file__).resolve().parent.parent


@cache
def table(kind: str) -> dict[str, str]:
    """Every plugin of a kind: built-in ones first, then installed ones, which cannot replace a built-in id."""
    installed = {point.name: point.value for point in entry_points(group=f"auditor.{kind}")}
    return {**_TABLES[kind], **{id: value for id, value in installed.items() if id not in _TABLES[kind]}}


@cache
def load(kind: str, id: str) -> Any:
    """The plugin's class. Raises UnknownPlugin for an unknown id, and for a built-in one loaded from elsewhere."""
    plugins = table(kind)
    if id not in plugins:
        close = difflib.get_close_matches(id, plugins, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise UnknownPlugin(f"no {kind.rstrip('s')} named '{id}'{hint}; there are: {', '.join(plugins)}")
    module_name, _, class_name = plugins[id].partition(":")
    module = importlib.import_module(module_name)
    if id in _TABLES[kind] and not Path(inspect.getfile(module)).resolve().is_relative_to(_HOME):
        package = module_name.partition(".")[0]
        raise UnknownPlugin(
            f"'{module_name}' was loaded from {inspect.getfile(module)}, which is another package of that name: "
            f"uninstall it or put {_HOME} first on the import path ('{package}' ships beside 'auditor')"
        )
    return getattr(module, class_name)


def default_detectors() -> tuple[str, ...]:
    """The ids of the detectors that run by default."""
    return tuple(id for id in table("detectors") if load("detectors", id).is_default)


def documentation(kind: str, id: str) -> str:
    """The docstring of the plugin's module."""
    return inspect.cleandoc(inspect.getmodule(load(kind, id)).__doc__ or "")


def digest(id: str) -> str:
    """sha256 of a detector's source and data files. Evidence with another digest is made again."""
    cls = load("detectors", id)
    total = hashlib.sha256()
    for path in (inspect.getfile(cls), *cls().resources()):
        total.update(Path(path).read_bytes())
    return total.hexdigest()
