"""What the browser is to do: a script of flows (TOML), so that no selector of any app stands in code. (pure)"""

from __future__ import annotations

import tomllib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

FlowName = Annotated[str, StringConstraints(pattern=r"^_?[a-z0-9][a-z0-9_-]{0,59}$")]
Selector = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Seconds = Annotated[float, Field(gt=0, le=120)]


class BadScript(ValueError):
    """The script is none; the text says where."""


class FieldText(BaseModel):
    """A text for a field; `{email}` and `{password}` are those of the person who is signed in."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    field: Selector
    text: Annotated[str, StringConstraints(max_length=500)]


class ScriptAction(BaseModel):
    """One action, so exactly one of these.

    goto: load this path of the app. open: go there within the page, as a link does. click, await_: a CSS selector.
    fill: set a field at once. type: key by key. press: a key, `ArrowRight`. wait: seconds. online, shown: the network
    and the tab's visibility (both emulated).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    goto: str | None = None
    open: str | None = None
    click: Selector | None = None
    await_: Selector | None = Field(default=None, alias="await")
    fill: FieldText | None = None
    type: FieldText | None = None
    press: str | None = None
    wait: Seconds | None = None
    online: bool | None = None
    shown: bool | None = None

    @model_validator(mode="after")
    def _one(self) -> ScriptAction:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"an action is exactly one thing, this one is {' and '.join(given) or 'nothing'}")
        return self


class ScriptFlow(BaseModel):
    """One flow of the recording. optional: it is left out where an element that it needs does not come."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: FlowName
    do: tuple[ScriptAction, ...] = Field(min_length=1)
    optional: bool = False


class BrowserScript(BaseModel):
    """`[[flow]]` tables, in order; a flow whose name begins with `_` is done and not recorded. patience: seconds that
    an element may take to come."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    flow: tuple[ScriptFlow, ...] = Field(min_length=1)
    patience: Seconds = 15.0


def script_of(text: str) -> BrowserScript:
    """:raises BadScript: no TOML, or not of this form."""
    try:
        return BrowserScript.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BadScript(f"this script is no TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadScript(f"{place}: {first['msg']}") from None
