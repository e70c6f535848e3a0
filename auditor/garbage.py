"""How often Python looks for cycles of objects that nothing refers to.

Scans make and drop hundreds of thousands of small objects, and nearly none of them is in a cycle. By default, Python
looks after every 700 new ones, which takes a tenth of the time of a scan of metadata.
"""

from __future__ import annotations

import gc

_NEW_OBJECTS = 100_000  # between two searches: some ten megabytes


def search_rarely() -> None:
    """To be called in processes that are ours: the command line, and workers."""
    gc.set_threshold(_NEW_OBJECTS)
