"""Finding what a request names: a relation, or the overload of a function. (pure)"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.rest.catalogue import SCHEMA, DbFunction, DbRelation, SchemaCatalogue
from sandbox.rest.errors import NotInCatalogue, RestError


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A function and how its arguments arrive: by name, or the whole body as its one unnamed parameter."""

    function: DbFunction
    whole_body: bool = False


def relation_named(catalogue: SchemaCatalogue, name: str) -> DbRelation:
    """:raises RestError: PGRST205."""
    found = catalogue.relations.get(name)
    if found is None:
        near = difflib.get_close_matches(name, catalogue.relations, n=1, cutoff=0.75)
        raise NotInCatalogue(
            404,
            "PGRST205",
            f"Could not find the table '{SCHEMA}.{name}' in the schema cache",
            hint=f"Perhaps you meant the table '{SCHEMA}.{near[0]}'" if near else None,
        )
    return found


def function_for(catalogue: SchemaCatalogue, name: str, arguments: frozenset[str], *, post: bool) -> FunctionCall:
    """The overload whose parameters these argument names fit; :raises RestError: PGRST202 (none), PGRST203 (several).

    post: the arguments come as a JSON body, which a single unnamed json parameter can also take.
    """
    overloads = catalogue.functions.get(name, ())
    fitting = [function for function in overloads if _fits(function, arguments)]
    if len(fitting) == 1:
        return FunctionCall(fitting[0])
    if fitting:
        raise _ambiguous(fitting)
    if post:
        whole = [function for function in overloads if _takes_body(function)]
        if len(whole) == 1:
            return FunctionCall(whole[0], whole_body=True)
        if whole:
            raise _ambiguous(whole)
    raise _missing(catalogue, name, sorted(arguments), overloads, post)


def _fits(function: DbFunction, arguments: frozenset[str]) -> bool:
    if any(not parameter.name for parameter in function.parameters):
        return False
    known = {parameter.name for parameter in function.parameters}
    return arguments <= known and all(p.name in arguments for p in function.parameters if p.required)


def _takes_body(function: DbFunction) -> bool:
    return (
        len(function.parameters) == 1
        and not function.parameters[0].name
        and (function.parameters[0].type in ("json", "jsonb"))
    )


def _ambiguous(functions: Sequence[DbFunction]) -> RestError:
    return RestError(
        300,
        "PGRST203",
        "Could not choose the best candidate function between: " + ", ".join(f.signature for f in functions),
        hint="Try renaming the parameters or the function itself in the database "
        "so function overloading can be resolved",
    )


def _missing(
    catalogue: SchemaCatalogue, name: str, arguments: list[str], overloads: Sequence[DbFunction], post: bool
) -> RestError:
    listed = ", ".join(arguments)
    shown = f"({listed})" if arguments else " without parameters"
    searched = f" with parameter{'s' if len(arguments) > 1 else ''} {listed}" if arguments else " without parameters"
    unnamed = " or with a single unnamed json/jsonb parameter" if post else ""
    return NotInCatalogue(
        404,
        "PGRST202",
        f"Could not find the function {SCHEMA}.{name}{shown} in the schema cache",
        details=f"Searched for the function {SCHEMA}.{name}{searched}{unnamed}, "
        "but no matches were found in the schema cache.",
        hint=_function_hint(catalogue, name, listed, overloads),
    )


def _function_hint(catalogue: SchemaCatalogue, name: str, listed: str, overloads: Sequence[DbFunction]) -> str | None:
    if overloads:
        known = {", ".join(sorted(p.name for p in function.parameters)) for function in overloads}
        near = difflib.get_close_matches(listed, known, n=1, cutoff=0.33)
        return f"Perhaps you meant to call the function {SCHEMA}.{name}({near[0]})" if near else None
    near = difflib.get_close_matches(name, catalogue.functions, n=1, cutoff=0.75)
    return f"Perhaps you meant to call the function {SCHEMA}.{near[0]}" if near else None
