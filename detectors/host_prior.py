"""Hosts that serve the output of generators, and the paths of stock sites for generated images.

Sees: the URL's host, matched on label boundaries (fal.media matches v3.fal.media but not notfal.media), with a path
prefix if the host serves other things too; "ai-generated" and similar words in any path. The list is
detectors/data/hosts.csv, each line with its origin and date.

A prior (tier E): hosts change owners, serve uploaded photographs too, and the list is incomplete. It stratifies and
ranks; it never decides.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path

from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
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
        labels = hostname(url).split(".")
        for start in range(len(labels) - 1):
            host = ".".join(labels[start:])
            for prefix, generator in hosts.get(host, ()):
                if where.startswith(prefix):
                    return DetectorResult.hit(Tier.E, f"host {host}{prefix}", generator=generator)
        match = words.search(where)
        return DetectorResult.hit(Tier.E, f"“{match[0]}” in the path") if match else DetectorResult.negative()

    def resources(self) -> tuple[str, ...]:
        """The list of hosts."""
        return (str(_HOSTS),)


@cache
def _table() -> tuple[dict[str, list[tuple[str, str]]], re.Pattern[str]]:
    """Host -> [(path prefix, generator)], and the pattern of words that match in any path."""
    hosts: dict[str, list[tuple[str, str]]] = {}
    words: list[str] = []
    with _HOSTS.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["host"] == _ANY:
                words.append(re.escape(row["path"]))
            else:
                hosts.setdefault(row["host"], []).append((row["path"], row["generator"]))
    return hosts, re.compile(rf"(?<![a-z0-9])({'|'.join(words)})(?![a-z0-9])", re.IGNORECASE)
