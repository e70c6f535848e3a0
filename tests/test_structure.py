"""The shape of the house: imports go one way, starting is light, every plug-in is registered."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

BELOW = "every room below"
# The rooms of the house from the ground up, and which rooms below it each may enter. Names are auditor's own
# (auditor/estimate/ and auditor/view.py alike), but for detectors and reports. Imports for types alone are free.
ROOMS = {
    "errors": "",
    "types": "",
    "values": "types",
    "registry": "errors",
    "config": "errors types registry",
    "results": "types config",
    "decisions": "",
    "printable": "",
    "vocabulary": "types",
    "urls": "",
    "files": "errors",
    "contents": "errors files",
    "tables": "errors files",
    "record": "errors values results decisions",
    "images": "errors config",
    "view": "errors types config images",
    "plugin": "types config results decisions",
    "readers": "errors types config urls files contents tables registry plugin",
    "engines": "errors plugin",
    "estimate": "errors types results images",
    "statistical": "types view plugin estimate",
    "embedding": "errors types view estimate",
    "sampling": "types results decisions images registry plugin estimate",
    "verdicts": "errors types printable view registry plugin embedding sampling",
    "fetching": "errors types urls contents verdicts",
    "similarity": "errors types results images view embedding verdicts config",
    "work": "errors types contents images view registry plugin estimate statistical embedding sampling verdicts fetching similarity config",
    "labels": "errors types results estimate sampling verdicts",
    "resources": "errors types values config registry results estimate statistical embedding labels sampling similarity",
    "tallies": "types results estimate labels verdicts",
    "assembling": "errors types results printable registry estimate statistical verdicts similarity labels tallies config resources",
    "gallery": "errors types images view plugin sampling verdicts work config",
    "audit": "errors types results files registry plugin readers estimate sampling verdicts fetching similarity work assembling gallery config resources",
    "merging": "errors results record registry estimate verdicts similarity labels assembling gallery config resources",
    "labelling": "errors types results printable images view plugin estimate sampling verdicts labels config audit",
    "models": "errors types images view registry plugin estimate statistical embedding verdicts similarity config audit",
    "filtering": "errors types results files plugin readers estimate verdicts",
    "comparing": "results decisions estimate",
    "mad": "decisions estimate",
    "rule": "types results decisions",
    "rules": "types results decisions rule",
    "policy": "errors types results decisions estimate mad rule rules",
    "demo": "errors",
    "detectors": "errors types results printable vocabulary urls images view plugin estimate statistical embedding similarity models",
    "reports": "types results decisions printable record plugin comparing mad rules",
    "api": BELOW,
    "cli": BELOW,
    "__main__": "cli",
}  # fmt: skip


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


def room(name):
    """The room that a module or a name in it belongs to; None outside the house, and for the package's own names."""
    top, _, rest = name.partition(".")
    if top in ("detectors", "reports"):
        return top
    return rest.partition(".")[0] if top == "auditor" and not rest.startswith("__version__") else None


def below(name):
    return set(list(ROOMS)[: list(ROOMS).index(name)])


def enters(name):
    return below(name) if ROOMS[name] == BELOW else set(ROOMS[name].split())


def test_the_house_is_listed_from_the_ground_up():
    for name in ROOMS:
        assert enters(name) <= below(name), f"{name} enters a room above it"


def test_no_room_hides_a_name_that_users_import():
    import auditor

    assert not set(auditor.__all__) & set(ROOMS)


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_go_one_way(name, path):
    here = room(name)
    if not here:  # auditor/__init__.py: its names are loaded when asked for
        return
    assert here in ROOMS, f"{here} has no line in this table"
    for target in imports(path):
        there = room(target)
        if there and there != here:
            assert there in enters(here), f"{name} imports {target}; {here} may enter {ROOMS[here]}"


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
    ("reports", "reports", {"__init__", "wording", "advising", "charts", "page", "svg"}),
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
