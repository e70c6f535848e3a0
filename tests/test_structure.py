"""The shape of the house: imports go one way, starting is light, every plug-in is registered."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What a module may import of ours. Longest prefix wins; "a.b" as an entry allows a.b and everything below it.
ALLOWED = {
    "auditor.errors": [],
    "auditor.types": [],
    "auditor.results": ["auditor.types"],
    "auditor.decisions": [],
    "auditor.printable": [],
    "auditor.urls": [],
    "auditor.containers": ["auditor.containers"],
    "auditor.vocabulary": ["auditor.types"],
    "auditor.metadata": ["auditor.containers"],
    "auditor.covariates": ["auditor.metadata"],
    "auditor.decode": ["auditor.errors", "auditor.containers", "auditor.conditions"],
    "auditor.files": ["auditor.errors"],
    "auditor.contents": ["auditor.errors", "auditor.files"],
    "auditor.tables": ["auditor.errors", "auditor.files", "auditor.tables"],
    "auditor.plugin": ["auditor.types", "auditor.results", "auditor.decisions", "auditor.view"],  # the last for its type alone
    "auditor.registry": ["auditor.errors"],
    "auditor.view": [
        "auditor.types", "auditor.errors", "auditor.decode", "auditor.containers", "auditor.metadata",
        "auditor.covariates", "auditor.likeness", "auditor.encoders",  # the last for its type alone
    ],
    "auditor.readers": [
        "auditor.types", "auditor.errors", "auditor.plugin", "auditor.files", "auditor.contents", "auditor.tables",
        "auditor.urls",
        "auditor.readers", "auditor.registry",
    ],
    "auditor.engines": ["auditor.errors", "auditor.plugin"],
    "auditor.vectors": ["auditor.errors"],
    "auditor.likeness": [],
    "auditor.copies": ["auditor.likeness"],
    "auditor.index": ["auditor.errors"],
    "auditor.space": ["auditor.errors", "auditor.encoders", "auditor.vectors"],
    "auditor.banks": ["auditor.errors", "auditor.index", "auditor.space", "auditor.vectors"],
    "auditor.banking": [
        "auditor.errors", "auditor.banks", "auditor.corpus", "auditor.index", "auditor.space", "auditor.store",
        "auditor.vectors",
    ],
    "auditor.recognising": [
        "auditor.errors", "auditor.view", "auditor.banks", "auditor.copies", "auditor.index", "auditor.embedding",
        "auditor.likeness",
    ],
    "auditor.corpus": ["auditor.types", "auditor.errors", "auditor.space", "auditor.store", "auditor.vectors"],
    "auditor.duplicates": ["auditor.results", "auditor.copies", "auditor.corpus", "auditor.index"],
    "auditor.diversity": ["auditor.results"],
    "auditor.reference": [
        "auditor.errors", "auditor.banks", "auditor.corpus", "auditor.index", "auditor.store", "auditor.vectors",
    ],
    "auditor.similarity": [
        "auditor.results", "auditor.corpus", "auditor.diversity", "auditor.duplicates", "auditor.index",
        "auditor.reference", "auditor.store",
    ],
    "auditor.existing": ["auditor.types", "auditor.errors", "auditor.vectors"],
    "auditor.embedding": ["auditor.types", "auditor.view", "auditor.encoders", "auditor.clip", "auditor.existing"],
    "auditor.store": ["auditor.types", "auditor.errors", "auditor.plugin", "auditor.vectors"],
    "auditor.labelfile": ["auditor.types", "auditor.errors", "auditor.store"],
    "auditor.agreement": ["auditor.labelfile"],
    "auditor.labelling": ["auditor.types", "auditor.errors", "auditor.drawing", "auditor.picking", "auditor.store"],
    "auditor.labelsession": ["auditor.errors", "auditor.labelfile", "auditor.labelling"],
    "auditor.labelserver": ["auditor.errors", "auditor.labelfile", "auditor.labelsession", "auditor.pictures"],
    "auditor.labelexport": ["auditor.errors", "auditor.labelfile", "auditor.labelling", "auditor.labelserver", "auditor.pictures"],
    "auditor.pictures": ["auditor"],
    "auditor.labeltask": ["auditor"],
    "auditor.addresses": [],
    "auditor.downloading": ["auditor.errors", "auditor.addresses"],
    "auditor.fetching": [
        "auditor.types", "auditor.errors", "auditor.addresses", "auditor.downloading", "auditor.contents", "auditor.urls",
        "auditor.store",
    ],
    "auditor.fuse": ["auditor.types"],
    "auditor.intervals": [],
    "auditor.conditions": [],
    "auditor.rates": [],
    "auditor.calibration": ["auditor.errors", "auditor.rates"],
    "auditor.sequential": [],
    "auditor.estimate": ["auditor.intervals", "auditor.rates", "auditor.sequential"],
    "auditor.controls": ["auditor.types", "auditor.results", "auditor.estimate"],
    "auditor.flags": ["auditor.types", "auditor.conditions"],
    "auditor.fraction": [
        "auditor.rates",
        "auditor.types", "auditor.results", "auditor.intervals", "auditor.conditions", "auditor.calibration", "auditor.estimate",
        "auditor.controls", "auditor.flags", "auditor.known",
    ],
    "auditor.stopping": ["auditor.results", "auditor.decisions"],
    "auditor.expecting": [
        "auditor.fraction", "auditor.calibration", "auditor.conditions", "auditor.flags", "auditor.intervals", "auditor.known",
    ],
    "auditor.encoders": ["auditor.errors"],
    "auditor.loops": [],
    "auditor.mad": ["auditor.decisions", "auditor.loops", "auditor.intervals"],
    "auditor.answers": ["auditor.types"],
    "auditor.drawing": [],
    "auditor.sampling": ["auditor.types", "auditor.plugin", "auditor.registry", "auditor.drawing"],
    "auditor.known": ["auditor.types", "auditor.intervals", "auditor.sequential"],
    "auditor.labels": ["auditor.errors", "auditor.intervals", "auditor.estimate"],
    "auditor.labelled": [
        "auditor.types", "auditor.errors", "auditor.results", "auditor.drawing", "auditor.estimate", "auditor.intervals",
        "auditor.known", "auditor.labelfile", "auditor.labels",
    ],
    "auditor.adjusting": ["auditor.known"],
    "auditor.chances": ["auditor.results", "auditor.known", "auditor.adjusting"],
    "auditor.filtering": [
        "auditor.types", "auditor.errors", "auditor.results", "auditor.intervals", "auditor.known", "auditor.adjusting",
    ],
    "auditor.keeplists": ["auditor.errors", "auditor.store"],
    "auditor.filtered_tars": ["auditor.errors", "auditor.files", "auditor.plugin", "auditor.readers"],
    "auditor.assembling": [
        "auditor", "auditor.types", "auditor.errors", "auditor.results", "auditor.registry", "auditor.calibration",
        "auditor.estimate", "auditor.fraction", "auditor.labelfile", "auditor.labelled", "auditor.statistical", "auditor.store",
        "auditor.summary",
    ],
    "auditor.signals": ["auditor.types", "auditor.results", "auditor.plugin", "auditor.answers"],
    "auditor.strata": ["auditor.results", "auditor.known"],
    "auditor.summary": ["auditor.types", "auditor.results", "auditor.plugin", "auditor.flags", "auditor.known", "auditor.signals", "auditor.strata", "auditor.labelled",
    ],
    "auditor.rules": ["auditor.types", "auditor.results", "auditor.decisions"],
    "auditor.policy": ["auditor.types", "auditor.results", "auditor.decisions", "auditor.errors", "auditor.rules", "auditor.mad", "auditor.intervals"],
    "auditor.record": ["auditor.types", "auditor.results", "auditor.decisions", "auditor.errors"],
    "auditor.work": [
        "auditor.types", "auditor.errors", "auditor.plugin", "auditor.registry", "auditor.decode", "auditor.view",
        "auditor.store", "auditor.judging", "auditor.encoders", "auditor.sampling", "auditor.fetching", "auditor.contents",
        "auditor.embedding", "auditor.recognising",
    ],
    "auditor.statistical": ["auditor.types", "auditor.plugin", "auditor.view", "auditor.calibration"],
    "auditor.models": ["auditor.errors"],
    "auditor.clip": ["auditor.errors", "auditor.encoders"],
    "auditor.probes": ["auditor.errors"],
    "auditor.probing": ["auditor"],
    "auditor.comparing": ["auditor.decisions", "auditor.intervals", "auditor.results"],
    "auditor.rows": ["auditor.types"],
    "auditor.choosing": ["auditor.types", "auditor.plugin", "auditor.picking", "auditor.rows"],
    "auditor.gallery": [
        "auditor.types", "auditor.errors", "auditor.plugin", "auditor.picking", "auditor.choosing", "auditor.rows",
        "auditor.store", "auditor.view", "auditor.decode", "auditor.sampling", "auditor.work",
    ],
    "auditor.exporting": ["auditor.rows", "auditor.printable"],
    "auditor.picking": ["auditor.types", "auditor.plugin", "auditor.registry"],
    "auditor.judging": ["auditor.types", "auditor.errors", "auditor.plugin", "auditor.view", "auditor.fuse", "auditor.sampling"],
    "auditor.config": ["auditor.registry", "auditor.plugin", "auditor.types", "auditor.decode", "auditor.calibration", "auditor.sampling", "auditor.labelfile",
        "auditor.embedding", "auditor.recognising", "auditor.reference",
    ],
    "auditor.demo": ["auditor.errors"],
    "auditor.audit": ["auditor"],
    "auditor.merging": ["auditor"],
    "auditor.calibrating": ["auditor"],
    "auditor.api": ["auditor", "reports.charts"],
    "auditor.cli": ["auditor"],
    "auditor": ["auditor.api", "auditor.config", "auditor.policy"],  # for types alone; loaded when asked for
    "auditor.__main__": ["auditor.cli"],
    "detectors": [
        "auditor.types", "auditor.results", "auditor.plugin", "auditor.view", "auditor.metadata", "auditor.containers", "auditor.vocabulary",
        "auditor.urls", "detectors.dwt_dct",  # its search for crops builds on it
        "auditor.encoders", "auditor.calibration", "auditor.statistical", "auditor.models",
        "auditor.clip", "auditor.probes", "auditor.errors", "auditor.printable",
    ],
    "reports": [
        "auditor.types", "auditor.results", "auditor.decisions", "auditor.plugin", "auditor.printable", "auditor.record",
        "auditor.loops", "auditor.comparing", "reports",
    ],
}  # fmt: skip
TOP = {
    "auditor.audit",
    "auditor.probing",
    "auditor.merging",
    "auditor.pictures",
    "auditor.labeltask",
    "auditor.api",
    "auditor.cli",
    "auditor.__main__",
    "auditor",
}


def modules():
    for package in ("auditor", "detectors", "reports"):
        for path in (ROOT / package).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__init__"), path


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                deeper = ROOT.joinpath(*node.module.split("."), f"{alias.name}.py")
                package = ROOT.joinpath(*node.module.split("."), alias.name, "__init__.py")
                yield f"{node.module}.{alias.name}" if deeper.exists() or package.exists() else node.module


def within(name, prefix):
    return name == prefix or name.startswith(f"{prefix}.")


def rule_of(name):
    return max((prefix for prefix in ALLOWED if within(name, prefix)), key=len)


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_go_one_way(name, path):
    rule = rule_of(name)
    assert rule != "auditor" or name == "auditor", f"{name} has no line in this table"
    for target in imports(path):
        if target.partition(".")[0] not in ("auditor", "detectors", "reports"):
            continue
        if target == "auditor" and rule in TOP:
            continue
        allowed = ALLOWED[rule]
        assert any(within(target, prefix) for prefix in allowed), (
            f"{name} imports {target}; {rule} may import {allowed}"
        )


HEAVY = (
    "pandas",
    "pyarrow",
    "numpy",
    "PIL",
    "scipy",
    "torch",
    "faiss",
    "onnxruntime",
    "rich",
    "jinja2",
    "matplotlib",
    "fsspec",
    "c2pa",
    "cattrs",
    "urllib3",
    "requests",
)


@pytest.mark.parametrize(
    "start",
    ["import auditor", "import auditor.cli", "auditor.cli.main(['--help'])", "auditor.cli.main(['scan', '--help'])"],
)
def test_starting_is_light(start):
    script = f"import sys, auditor.cli\ntry:\n    {start}\nexcept SystemExit:\n    pass\nprint(*sys.modules, file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = {name.partition(".")[0] for name in result.stderr.split()}
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("kind", ["detectors", "readers", "reports", "engines"])
def test_every_registered_plugin_loads_and_bears_its_id(kind):
    from auditor import registry

    for id in registry.table(kind):
        assert registry.load(kind, id).id == id


@pytest.mark.parametrize(("kind", "folder", "others"), [
    ("readers", "auditor/readers", {"__init__", "columns", "listing", "rows", "walk", "tar", "archives"}),
    ("engines", "auditor/engines", {"__init__"}),
    ("reports", "reports", {"__init__", "wording", "charts", "page", "svg"}),
])  # fmt: skip
def test_every_module_of_plugins_is_registered(kind, folder, others):
    from auditor import registry

    modules = {path.stem for path in (ROOT / folder).glob("*.py")} - others
    assert modules == {target.partition(":")[0].rpartition(".")[2] for target in registry.table(kind).values()}


def test_an_unrelated_package_of_the_same_name_is_told_apart(tmp_path, monkeypatch):
    from auditor import registry
    from auditor.errors import UnknownPlugin

    (tmp_path / "elsewhere.py").write_text("class C2pa: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(registry._DETECTORS, "c2pa", "elsewhere:C2pa")
    registry.table.cache_clear()
    registry.load.cache_clear()
    with pytest.raises(UnknownPlugin, match="another package of that name"):
        registry.load("detectors", "c2pa")
    monkeypatch.undo()
    registry.table.cache_clear()
    registry.load.cache_clear()


def test_no_file_and_no_function_outgrows_a_room():
    for name, path in modules():
        text = path.read_text()
        assert len(text.splitlines()) <= 350, name
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 45, f"{name}.{node.name}"
