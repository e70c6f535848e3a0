"""Hosts that serve the output of generators, and the paths of stock sites for generated images.

Sees: the URL's host, matched on label boundaries (fal.media matches v3.fal.media but not notfal.media), with a path
prefix if the host serves other things too; "ai-generated" and similar words in any path. The list is
detectors/data/hosts.csv, each line with its origin and date.

A weak hint (tier E): hosts change owners, serve uploaded photographs too, and the list is incomplete. It ranks images
and confirms none.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
from auditor.row_columns import RowColumns, apart
from auditor.storage.urls import hostname, path
from auditor.types import Evidence, Need, Tier

_HOSTS = Path(__file__).parent / "data" / "hosts.csv"
_ANY = "*"


class HostPrior(Detector):
    """See the module."""

    id = "host-prior"
    evidence = Evidence.PRIOR
    needs = Need.ROW

    def look(self, view: View) -> DetectorResult:
        """The result for the URL."""
        url = view.sample.url
        if not url:
            return DetectorResult.abstained("no URL")
        hosts, words = _table()
        where = path(url)
        for host in _and_parents(hostname(url)):
            for prefix, generator in hosts.get(host, ()):
                if where.startswith(prefix):
                    return DetectorResult.hit(Tier.E, f"host {host}{prefix}", generator=generator)
        match = _pattern(words).search(where)
        return DetectorResult.hit(Tier.E, f"“{match[0]}” in the path") if match else DetectorResult.negative()

    def alike(self, columns: RowColumns) -> np.ndarray:
        """Rows whose host is not in the list, and whose path has none of the words, are alike."""
        _, words = _table()
        has_word = pc.match_substring_regex(columns.url, _any_of(words), ignore_case=True)
        return apart(pc.or_(columns.authority.derived(_is_listed, pa.bool_()), has_word))

    def resources(self) -> tuple[str, ...]:
        """The list of hosts."""
        return (str(_HOSTS),)


def _and_parents(host: str) -> Iterator[str]:
    """The host and the domains above it, without the last label alone."""
    labels = host.split(".")
    for start in range(len(labels) - 1):
        yield ".".join(labels[start:])


def _is_listed(authority: str) -> bool:
    hosts, _ = _table()
    return any(host in hosts for host in _and_parents(hostname(f"//{authority}")))


@cache
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9])({_any_of(words)})(?![a-z0-9])", re.IGNORECASE)


def _any_of(words: tuple[str, ...]) -> str:
    return "|".join(map(re.escape, words))


@cache
def _table() -> tuple[dict[str, list[tuple[str, str]]], tuple[str, ...]]:
    """Host -> [(path prefix, generator)], and the words that match in any path."""
    hosts: dict[str, list[tuple[str, str]]] = {}
    words: list[str] = []
    with _HOSTS.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["host"] == _ANY:
                words.append(row["path"])
            else:
                hosts.setdefault(row["host"], []).append((row["path"], row["generator"]))
    return hosts, tuple(words)
