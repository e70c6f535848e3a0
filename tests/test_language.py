"""What people read uses the field's terms: no home-made word and no wrong plural, wherever it is shown."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
_SOFTWARE = r"(?:audits?|auditor|calibration|classifier|command|detectors?|estimate|interval|metrics?|page|policy|tool)"
_THING = r"(?:block|cell|dataset|group|host|image|key|line|machine|node|person|row|sample|shard|source|worker)"
_UNITS = (
    r"(?:bytes|captions|datasets|files|images|labels|lines|mixtures|numbers|points|rows|scores|seconds|tests|times)"
)

TERMS = {
    # ---- home-made terms
    r"machine-made": "generated, synthetic",
    r"machine[- ]writ(?:ers?|ten)": "captioning model, model-generated",
    r"passed over": "skipped",
    r"(?:declared|matched|statistical) evidence|declared (?:and|or) matched": (
        "metadata, watermark or known-image match, classifier (the others are values in audit.json)"
    ),
    r"even odds": "50 % prevalence",
    r"near[- ]cop(?:y|ies)": "near-duplicate",
    r"(?:reference )?banks?": "reference index",
    r"mix stays": "the fraction stays the same",
    r"endlessly": "infinitely",
    r"side-cars?": "sidecar",
    r"(?:in|from|of|by) laundering|laundered": "re-encoded, degraded",
    r"careful (?:λ|interval|one|end)": "conservative",
    r"mild (?:λ|end|one)": "optimistic",
    r"(?:a|the|its) floor": "lower bound",
    r"zero of (?:a|the|another) model": "score offset",
    r"of known truth": "with known ground truth",
    r"intervals? holds?": "covers",
    r"simulated worlds?": "simulated datasets",
    r"their makers": "their vendors",
    r"(?:no|a|the) marks? (?:survives?|decides?)|hold a mark|marks that only": "watermark",
    r"processor time": "CPU time",
    r"likeness": "similarity",
    r"could (?:not )?look": "could examine, evaluable",
    r"looked at|looks? at": "examined, checked",
    r"shared out": "allocated",
    r"cries wolf": "false alarm",
    r"drift and diversity": "distribution shift and diversity",
    # ---- words of another trade or register
    r"(?:breaks?|broke|broken) off": "is truncated, stopped",
    r"cut off": "truncated",
    r"blanks": "spaces",
    r"pictures?": "image",
    r"absurd": "invalid",
    r"films|sounds": "video, audio",
    r"anew": "again",
    r"mended": "fixed",
    r"telephones?": "phone",
    r"(?:can|could|cannot|to) be had": "available",
    # ---- software that speaks, thinks and sees
    rf"{_SOFTWARE} (?:admits?|believes?|deserves?|judges?|knows?|looks?|says?|sees?|tells?|thinks?)": (
        "a verb for software: reports, contains, examines, gives"
    ),
    r"(?:is|are|was|were) told": "reported, named",
    # ---- prepositions and quantities
    rf"{_UNITS} an? {_THING}": "per",
    r"so many times|as good as (?:random|drawn)": "a factor, at random",
    r"outside of": "outside",
    r"next to nothing": "almost nothing",
}  # what must not be read -> what to say instead

GRAMMAR = {
    r"(?<![\d.,–-])1 (?:(?:confirmed|more|other|real|similar|synthetic|undecided) )?(?:captions|clusters|files|generations|images|keys|labels|pairs|rows|rules|shards|sources)": (
        "the singular after 1: auditor.sentences.counted"
    ),
    r"\de\+00": "a number without an exponent: auditor.sentences.p_value",
    r"(a|an|and|in|is|of|that|the|to) \1": "the word once",
}

ALLOWED = {
    ("auditor/embeddings/embedded_encoder.py", "picture"): "the name of an array",
    ("auditor/captions/languages.py", "picture"): "a pattern for English captions",
    ("auditor/readers/column_content.py", "picture"): "a name of columns",
    ("auditor/readers/column_content.py", "pictures"): "a name of columns",
    ("CHANGELOG.md", "banks"): "names what an option was called before",
    ("docs/reference/audit-json-2.md", "banks"): "lists old names",
    ("docs/benchmarks/similarity.md", "drift and diversity"): "a heading that the anchors of older versions name",
}  # (file, text in lower case) -> why it may stay


class Fault(NamedTuple):
    line: int
    text: str
    advice: str


def compiled(table: dict[str, str]) -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(rf"(?<![\w/-])(?:{pattern})(?![\w-])", re.IGNORECASE), say) for pattern, say in table.items()]


_TERMS, _GRAMMAR = compiled(TERMS), compiled(GRAMMAR)


def faults(text: str, patterns: list[tuple[re.Pattern[str], str]], first: int = 1) -> list[Fault]:
    """The faults of a text, which begins in line `first`. A term may be broken over two lines."""
    flat = re.sub(r"\s", " ", text)
    return [
        Fault(first + text.count("\n", 0, match.start()), match[0], advice)
        for pattern, advice in patterns
        for match in pattern.finditer(flat)
    ]


def blank(text: str, pattern: str) -> str:
    """The text without what matches, and with the same lines."""
    return re.sub(pattern, lambda match: "\n" * match[0].count("\n") or "…", text, flags=re.DOTALL)


# ---- surfaces: (file, line, text) -----------------------------------------------------------------------------------


def markdown() -> Iterator[tuple[str, int, str]]:
    """Documents, without code: literal values and names stay as they are."""
    guides = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "detectors/models").glob("*/CARD.md")]
    for path in guides:
        text = path.read_text()
        if path.name != "cli.md":  # the help of commands is in blocks of code
            text = blank(text, r"(?m:^ *```.*?^ *```$)|<!--.*?-->|(?<=\]\()[^)]*")
        yield str(path.relative_to(ROOT)), 1, blank(text, r"`[^`\n]*`")


def outputs() -> Iterator[tuple[str, int, str]]:
    """What the program prints and writes, as documents and samples quote it."""
    paths = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "reports/samples").rglob("*.txt")]
    for path in (*paths, ROOT / "reports/samples/summary.md", ROOT / "reports/samples/report.html"):
        yield str(path.relative_to(ROOT)), 1, blank(path.read_text(), r"<(?:style|script|svg).*?</|<[^<>]*>")


def literals() -> Iterator[tuple[str, int, str]]:
    """Texts in the code, and the docstrings of what is public (they are the Python reference, and `auditor explain`)."""
    for package in ("auditor", "detectors", "reports"):
        for path in (ROOT / package).rglob("*.py"):
            name = str(path.relative_to(ROOT))
            yield from ((name, line, text) for line, text in texts(ast.parse(path.read_text())))


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, text) of every text in a module but the docstrings of private functions and classes; '…' for the values
    in an f-string."""
    hidden = set(private_docstrings(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            hidden.update(part for part in node.values if isinstance(part, ast.Constant))
            parts = (str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in hidden:
            yield node.lineno, node.value


def private_docstrings(tree: ast.AST, *, is_private: bool = False) -> Iterator[ast.Constant]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            is_hidden = is_private or node.name.startswith("_")
            first = node.body[0]
            if is_hidden and isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield first.value
            yield from private_docstrings(node, is_private=is_hidden)


def pages() -> Iterator[tuple[str, int, str]]:
    """The report's templates and the page for labelling, without markup."""
    for path in [*(ROOT / "reports/templates").rglob("*.jinja"), *(ROOT / "auditor").rglob("*.html")]:
        yield str(path.relative_to(ROOT)), 1, blank(path.read_text(), r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^<>]*>")
    for path in [*(ROOT / "reports/templates").glob("*.js"), *(ROOT / "auditor").rglob("*.js")]:
        code = path.read_text()
        for match in re.finditer(r"\"[^\"\n]*\"|`[^`]*`", code):
            yield str(path.relative_to(ROOT)), code.count("\n", 0, match.start()) + 1, match[0]


@pytest.mark.parametrize(
    ("surface", "patterns"),
    [(markdown, _TERMS), (literals, _TERMS), (pages, _TERMS), (outputs, _GRAMMAR), (literals, _GRAMMAR)],
    ids=["documents", "texts in the code", "pages", "outputs", "grammar of texts in the code"],
)
def test_people_read_the_field_s_terms(surface, patterns):
    found = [
        f"{name}:{fault.line}: {fault.text!r}: say {fault.advice}"
        for name, first, text in surface()
        for fault in faults(text, patterns, first)
        if (name, fault.text.lower()) not in ALLOWED
    ]
    assert not found, "\n" + "\n".join(found)


# ---- the checker itself ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "fault"),
    [
        ("The files were passed\nover.", "passed over"),
        ("Images that declared evidence decides", "declared evidence"),
        ("What the audit thinks", "audit thinks"),
        ("200 datasets a row, of one family", "datasets a row"),
        ("Could it have been looked at?", "looked at"),
        ("two scores an image.", "scores an image"),
    ],
)
def test_a_home_made_term_is_found(sentence, fault):
    assert [each.text for each in faults(sentence, _TERMS)] == [fault]


@pytest.mark.parametrize("text", ["in 1 clusters", "1 undecided images", "p = 1e+00", "as the the table says"])
def test_wrong_grammar_is_found(text):
    assert len(faults(text, _GRAMMAR)) == 1


@pytest.mark.parametrize("text", ["11 images", "2,001 images", "1 image", "0.1 rows", "that there is"])
def test_right_grammar_is_left_alone(text):
    assert faults(text, _GRAMMAR) == []


def test_a_fault_is_found_in_its_line():
    assert faults("one\ntwo\nmachine-made", _TERMS, first=7) == [Fault(9, "machine-made", TERMS["machine-made"])]


def test_texts_of_the_code_are_all_but_private_docstrings():
    code = '"""module"""\nX = f"a {1} b"\ndef _f():\n    """private"""\n    return "said"\ndef g():\n    """public"""\n'
    assert sorted(text for _, text in texts(ast.parse(code))) == ["a … b", "module", "public", "said"]
