"""Tables without secrets: what a target said goes through the filter before it is written, in whatever column it is."""

from __future__ import annotations

import re
from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from harness.core.secret_filter import WORDS, SecretFilter

TOLD = frozenset({"conversation", "key", "detail", "subject", "what", "keys", "fields", "arguments", "body"})
"""The record's columns that may hold a target's words; the others hold names of ours."""
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def cleaned(
    batch: pa.RecordBatch, columns: Collection[str] | None = TOLD, words: SecretFilter = WORDS
) -> pa.RecordBatch:
    """The batch with secrets masked in these columns of text; None: in all of them. The same batch when it is clean.

    Costs one look at each different text that is no plain id.
    """
    for place, field in enumerate(batch.schema):
        if pa.types.is_string(field.type) and (columns is None or field.name in columns):
            column = batch.column(place)
            changes = _changes(column, words)
            if changes:
                texts = [changes.get(text, text) for text in column.to_pylist()]
                batch = batch.set_column(place, field, pa.array(texts, field.type))
    return batch


def _changes(column: pa.Array, words: SecretFilter) -> dict[str, str]:
    """Masked text by text."""
    found = [text for text in pc.unique(column).to_pylist() if text and not _plain_id(text, words)]
    if not found or not words.suspects("\n".join(found)):
        return {}
    return {text: clean for text in found if (clean := words.cell(text)) != text}


def _plain_id(text: str, words: SecretFilter) -> bool:
    return len(text) == 36 and _UUID.fullmatch(text) is not None and not words.is_secret(text)
