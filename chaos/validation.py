"""What pydantic found wrong with a value, in plain words; of faults' parameters and of the harness's files. (pure)"""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, str] = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be finite",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be {ge:g} or more",
    "less_than": "must be below {lt:g}",
    "less_than_equal": "must be {le:g} or less",
    "literal_error": "must be {expected}",
    "value_error": "{error}",
}
"""pydantic's error type -> sentence, with places for its context."""


def in_words(kind: str, context: Mapping[str, object], otherwise: str, more: Mapping[str, str] | None = None) -> str:
    """What is wrong, to stand behind `key = value: `.

    :param otherwise: pydantic's own message, for types that have no words. more: words that win over WORDS.
    """
    words = (more or {}).get(kind) or WORDS.get(kind)
    return words.format(**context) if words else otherwise
