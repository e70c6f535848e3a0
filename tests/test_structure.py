"""The structure of the code: imports go one way, starting is light, every plugin is registered."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From the ground up; a module may import from its own package and from layers below it. Imports for types alone are free.
LAYERS = (
    "errors garbage types safe_text sentences",
    "registry values storage demo",
    "config",
    "caption_results images row_columns",
    "results decision",
    "audit_checks suspicious",
    "plugin audit_json estimate",
    "readers",
    "captions",
    "engines sampling evidence_store classifier compare mad",
    "embeddings fetching annotation policy",
    "similarity reports",
    "resources scanning calibration detectors",
    "aggregate gallery",
    "audit finished filtering",
    "merging labelling progress",
    "api",
    "cli",
    "__main__",
)


def modules():
    for package in ("auditor", "detectors", "reports"):
        for path in (ROOT / package).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__init__"), path


def imports(path):
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def package(name):
    """The package or module of ours that a dotted name lies in; None for other names."""
    top, _, rest = name.partition(".")
    if top in ("detectors", "reports"):
        return top
    return rest.partition(".")[0] if top == "auditor" and not rest.startswith("__version__") else None


LAYER = {name: number for number, names in enumerate(LAYERS) for name in names.split()}


def test_no_package_hides_a_name_that_users_import():
    import auditor

    assert not set(auditor.__all__) & set(LAYER)


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_go_down_one_way(name, path):
    here = package(name)
    if not here:  # auditor/__init__.py: its names are loaded when asked for
        return
    assert here in LAYER, f"{here} belongs to no layer of this table"
    for target in imports(path):
        there = package(target)
        if there and there != here:
            assert LAYER[there] < LAYER[here], f"{name} imports {target}, which is not in a layer below {here}"


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
    "ray",
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
    ("readers", "auditor/readers", {"__init__", "columns", "inventory", "image_base", "archive_index", "table_copies", "listing", "rows", "walk", "tar", "zipped", "members",
      "archive", "unopened_archives", "cells", "column_content", "loose_tables", "row_columns"}),
    ("engines", "auditor/engines", {"__init__", "worker", "isolated", "machine"}),
    ("reports", "reports", {"__init__", "captions", "phrases", "facts", "first_screen", "next_steps", "charts", "page", "svg"}),
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


def test_no_function_is_long():
    for name, path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 45, f"{name}.{node.name}"
