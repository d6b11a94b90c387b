"""What every model read from a file is made of: frozen, no unknown keys, strict numbers, names of a fixed form. (pure)

Numbers are strict: text that looks like a number, booleans, infinity and NaN are refused, because in a file
they are mistakes. Messages of the models' validators read as "what is wrong; what to do".
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class FrozenModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


LARGEST_NUMBER = 10**15
"""Either way. Beyond it nothing that is counted or measured here lies, and no record that held it could be read."""
Number = Annotated[float, Field(strict=True, ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)]
Count = Annotated[int, Field(strict=True, ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
PLAIN_NAME = r"^[a-z][a-z0-9_]{0,63}$"
FILE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
ENV_NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,199}$"
TAG = r"^[a-z0-9]{1,8}$"
DOMAIN = r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$"
CLAIM = r"^[A-Za-z0-9_-]{16,200}$"
FORMS = {
    CLAIM: "16 to 200 letters, digits, dashes and underscores, as `harness doctor --claim` prints them",
    PLAIN_NAME: "up to 64 lower-case letters, digits and underscores, a letter first",
    FILE_NAME: "up to 64 letters, digits, dots, dashes and underscores, a letter or digit first",
    ENV_NAME: "the name of an environment variable: letters, digits and underscores, no digit first",
    TAG: "1 to 8 lower-case letters or digits",
    DOMAIN: "a domain name",
}
"""The patterns above in words, for error messages."""

PlainName = Annotated[str, Field(pattern=PLAIN_NAME)]  # persona, quantity, operation
FileName = Annotated[str, Field(pattern=FILE_NAME)]  # becomes part of a folder's name
EnvName = Annotated[str, Field(pattern=ENV_NAME)]


def closest(name: str, known: Iterable[str]) -> str:
    """Which of `known` was probably meant, as the end of a sentence; all of them when none is near."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(names) or 'none'}"
