"""The digest of a table's content, over Arrow's buffers: it does not depend on how rows were cut into batches."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.storage import batches


class ColumnDigest:
    """The sha256 of record batches of one table, in order.

    Each column is a few streams of bytes (which values are there, lengths, the values themselves), each with a sha256
    of its own. So the digest is that of the rows, however they were read.
    """

    def __init__(self) -> None:
        self._streams: dict[str, Any] = {}
        self.rows = 0

    def update(self, batch: pa.RecordBatch) -> None:
        """Add the rows of a batch."""
        self.rows += batch.num_rows
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            self._add(name, column)

    def hexdigest(self) -> str:
        """The digest so far."""
        total = hashlib.sha256(str(self.rows).encode())
        for name, stream in sorted(self._streams.items()):
            total.update(f"\0{name}\0{stream.hexdigest()}".encode("utf-8", "surrogatepass"))
        return total.hexdigest()

    def _add(self, place: str, array: pa.Array) -> None:
        kind = array.type
        if pa.types.is_dictionary(kind):
            self._add(place, array.dictionary_decode())
            return
        is_text = batches.is_text(kind)
        self._feed(f"{place}\1valid {'text' if is_text else kind}", np.asarray(array.is_valid()))
        if is_text or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            self._add_bytes(place, array)
        elif batches.is_list(kind):
            self._feed(f"{place}\1lengths", _numbers(pc.list_value_length(array)))
            self._add(f"{place}\1items", array.flatten())
        elif pa.types.is_struct(kind):
            for field, values in zip(kind, array.flatten(), strict=True):
                self._add(f"{place}\1{field.name}", values)
        elif pa.types.is_boolean(kind):
            self._feed(place, np.asarray(array.fill_null(False)))
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
            self._feed(place, _numbers(array))
        elif not pa.types.is_null(kind):
            self._feed(place, "".join(f"{value!r}\0" for value in array.to_pylist()).encode("utf-8", "surrogatepass"))

    def _add_bytes(self, place: str, array: pa.Array) -> None:
        array = array.drop_null().cast(pa.large_binary())
        self._feed(f"{place}\1lengths", _numbers(pc.binary_length(array)))
        _, offsets, values = array.buffers()
        bounds = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1] if len(array) else [0]
        if values is not None:
            self._feed(place, memoryview(values)[int(bounds[0]) : int(bounds[-1])])

    def _feed(self, stream: str, content: np.ndarray | bytes | memoryview) -> None:
        data = np.ascontiguousarray(content).view(np.uint8) if isinstance(content, np.ndarray) else content
        self._streams.setdefault(stream, hashlib.sha256()).update(data)


def _numbers(array: pa.Array) -> np.ndarray:
    values: np.ndarray = array.fill_null(0).to_numpy(zero_copy_only=False)
    return values
