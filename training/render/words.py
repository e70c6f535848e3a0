"""Filler text: words of several registers and languages, sentences and numbers drawn from a seeded generator."""

from __future__ import annotations

from numpy.random import Generator

WORDS = (
    "the of and to in is for with on that this from as are by at it be or an report quarter revenue market team plan "
    "project review data model result table figure average growth customer order delivery invoice payment account user "
    "setting option network server cloud storage memory file folder image video music travel hotel flight ticket price "
    "offer season winter summer garden kitchen recipe bread coffee school teacher lesson history museum river mountain "
    "city council election energy climate water health doctor study method sample error update version release install "
    "package function return value string number loop class object request response token cache index query search "
    "die der und nicht Straße Haus Zeit Jahr le la les une dans pour maison ville el los una casa ciudad tiempo"
).split()
CODE = (
    "def run(self, items):", "    for item in items:", "        total += item.price * 1.19", "    return total",
    "if (x < 0) { throw new Error('negative'); }", "const result = await fetch(url);", "import numpy as np",
    "SELECT id, name FROM users WHERE active = 1;", "git commit -m 'fix build'", "$ make test", "OK (skipped=3)",
    "Traceback (most recent call last):", "  File \"main.py\", line 42", "public static void main(String[] args) {",
    "#include <stdio.h>", "let mut map = HashMap::new();", "WARNING: deprecated option", "-rw-r--r-- 1 user 4096 notes",
)  # fmt: skip


def word(rng: Generator) -> str:
    """One word."""
    return str(WORDS[int(rng.integers(len(WORDS)))])


def phrase(rng: Generator, low: int = 2, high: int = 6) -> str:
    """A few words, the first with a capital."""
    return " ".join(word(rng) for _ in range(int(rng.integers(low, high + 1)))).capitalize()


def paragraph(rng: Generator, low: int = 20, high: int = 90) -> str:
    """Sentences."""
    count, sentences = int(rng.integers(low, high)), []
    while count > 0:
        length = int(rng.integers(5, 16))
        sentences.append(phrase(rng, length, length) + ".")
        count -= length
    return " ".join(sentences)


def code(rng: Generator, lines: int) -> list[str]:
    """Lines of program text and logs."""
    return [str(CODE[int(rng.integers(len(CODE)))]) for _ in range(lines)]


def number(rng: Generator) -> str:
    """A figure as tables show them."""
    value = float(rng.lognormal(4, 2))
    return (f"{value:,.2f}", f"{value:.0f}", f"{value % 100:.1f} %", f"${value:,.0f}")[int(rng.integers(4))]


def colour(rng: Generator, low: int = 0, high: int = 256) -> str:
    """A CSS colour."""
    red, green, blue = (int(value) for value in rng.integers(low, high, 3))
    return f"rgb({red},{green},{blue})"
