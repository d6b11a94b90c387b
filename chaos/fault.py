"""What every fault is made of: a name, a layer, validated parameters, and a seeded draw. (pure)

A fault is a frozen pydantic model; its fields are its parameters, and its docstring says what a person would notice.
Decorating it with `register` makes it known under its name within its layer; `chaos.faults` loads the whole folder.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from chaos.validation import in_words


class Layer(StrEnum):
    """Where a fault happens, and so what one draw decides over."""

    PHONE = "phone"  # in the phone: an operation or an attempt of one person
    STREAM = "stream"  # in the proxy: one direction of one connection
    HTTP = "http"  # in the proxy: one request
    FRAME = "frame"  # in the proxy: one websocket frame
    PROVIDER = "provider"  # at the provider of the target's language models: one request to it


Draw = Callable[[str], float]
"""A number in [0, 1) for a question; for the same fault, person and sequence always the same answer."""


class InvalidFault(ValueError):
    """A fault that does not exist, or a parameter it cannot take. The text says which, and what would be right."""


class Fault(BaseModel):
    """One thing that goes wrong. Subclasses set `name` and `layer` and declare their parameters as fields.

    Parameters carry their unit in the field's description.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: ClassVar[str]
    layer: ClassVar[Layer]

    @classmethod
    def parse(cls, parameters: Mapping[str, object], *, strict: bool = False) -> Self:
        """From untyped parameters.

        :param strict: take no text for a number and no fraction for a whole one, even where it is one.
        :raises InvalidFault: naming fault, key, value and remedy, one line a problem.
        """
        try:
            return cls.model_validate(dict(parameters), strict=strict)
        except ValidationError as error:
            raise InvalidFault("\n".join(_sentence(cls, detail) for detail in error.errors())) from None


F = TypeVar("F", bound=type[Fault])
_known: dict[tuple[Layer, str], type[Fault]] = {}


def register(fault: F) -> F:
    """Make a fault known by its name. A name means one thing within its layer."""
    key = (fault.layer, fault.name)
    if _known.setdefault(key, fault) is not fault:
        raise InvalidFault(f"two faults of the layer {fault.layer} are called {fault.name!r}; rename one")
    return fault


def registered(*layers: Layer) -> dict[str, type[Fault]]:
    """Faults by name, of these layers or of all."""
    wanted = layers or tuple(Layer)
    return {name: fault for (layer, name), fault in sorted(_known.items()) if layer in wanted}


def find(name: str, *layers: Layer) -> type[Fault]:
    """The fault of that name in these layers, or in any.

    :raises InvalidFault: when there is none, naming the nearest.
    """
    known = registered(*layers)
    if name not in known:
        raise InvalidFault(f"{name!r} is no known fault; {nearest(name, known)}")
    return known[name]


# ---- the draw -------------------------------------------------------------------------------------------------


def draw(seed: int, fault: str, key: str, sequence: int) -> float:
    """A number in [0, 1) that depends on nothing but its arguments: not on workers, order, process or machine.

    :param key: whom it concerns: a person, or a connection where no person is known.
    :param sequence: which of their operations, requests, chunks or frames, counted from 0.
    """
    (number,) = draws(seed, fault, key, range(sequence, sequence + 1))
    return number


def draws(seed: int, fault: str, key: str, sequence: Iterable[int]) -> list[float]:
    """What `draw` gives for each of `sequence`, in a third of its time."""
    begun, found = _begun(seed, fault), []
    for turn in sequence:
        drawn = begun.copy()
        drawn.update(f"{key}\0{turn}".encode())
        found.append((int.from_bytes(drawn.digest(), "big") >> 11) / _DRAWS)
    return found


_DRAWS = 2**53  # how many different numbers there are


@lru_cache(maxsize=1024)
def _begun(seed: int, fault: str) -> blake2b:
    """What all draws of one fault have in common."""
    return blake2b(f"{fault}\0".encode(), digest_size=8, key=(seed % 2**64).to_bytes(8, "big"))


def hits(seed: int, fault: str, key: str, sequence: int, share: float) -> bool:
    """Whether this one is among the `share` (0 to 1) that the fault hits. A larger share adds to the same ones."""
    return share >= 1 or draw(seed, fault, key, sequence) < share


# ---- words ----------------------------------------------------------------------------------------------------


def nearest(name: str, known: Iterable[str]) -> str:
    """Which of `known` was probably meant, as the end of a sentence; all of them when none is near."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(names) or 'none'}"


def _sentence(fault: type[Fault], detail: ErrorDetails) -> str:
    """`fault.key = value: what is wrong`."""
    key, kind = ".".join(map(str, detail["loc"])), detail["type"]
    place = f"{fault.name}.{key}" if key else fault.name
    if kind == "missing":
        return f"{place} is missing; add it"
    if kind == "extra_forbidden":
        return f"{place} is not a parameter of this fault; {nearest(key, fault.model_fields)}"
    return f"{place} = {detail['input']!r:.80}: {in_words(kind, detail.get('ctx', {}), detail['msg'])}"
