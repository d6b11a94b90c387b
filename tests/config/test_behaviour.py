"""One schema of what personas do: the profile that has everything, the personas' code and their page agree with it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.config.behaviour import misfits
from harness.config.load import load_profile
from harness.core.behaviour import BEHAVIOUR, PERSONAS, persona_of, quantities
from harness.core.distributions import Constant, LogNormal, Uniform
from harness.plan.inputs import MIX

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("persona", PERSONAS)
def test_nightly_has_every_quantity_and_shares_alone_as_constants(persona: str) -> None:
    given = load_profile("nightly").behaviour[persona]
    known = quantities(persona)
    assert known is not None
    assert set(given) == set(known)
    shares = {name for name, quantity in known.items() if quantity.share}
    assert {name for name, value in given.items() if isinstance(value, Constant)} == shares


@pytest.mark.parametrize("persona", PERSONAS)
def test_what_a_persona_draws_is_what_the_schema_says(persona: str) -> None:
    """Name for name in its file: a share is asked as a chance, and what is drawn has the schema's default."""
    drawn: dict[str, float | None] = {}
    chances: set[str] = set()
    for name, arguments in _calls(ROOT / "scenarios" / f"{persona}.py"):
        if name == "maybe_look_away" and arguments[-1] == persona:
            chances.add("away")
            drawn["away_s"] = None
        elif name == "draws":
            assert arguments[0] == persona
            default = float(str(arguments[2])) if len(arguments) > 2 else None
            assert drawn.setdefault(str(arguments[1]), default) == default
        elif name in ("chance", "happens") and len(arguments) == 2 and isinstance(arguments[1], str):
            chances.add(arguments[1])
    assert chances == {quantity.name for quantity in BEHAVIOUR[persona] if quantity.share}
    assert drawn == {quantity.name: quantity.default for quantity in BEHAVIOUR[persona] if not quantity.share}


def _calls(path: Path) -> Iterator[tuple[str, list[object]]]:
    """Calls in a module: the function's own name, and its arguments where they are constants."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield name, [argument.value if isinstance(argument, ast.Constant) else None for argument in node.args]


def test_what_belongs_to_a_share_names_one() -> None:
    for persona in PERSONAS:
        known = quantities(persona) or {}
        assert len(known) == len(BEHAVIOUR[persona]), persona
        assert all(known[quantity.only_with].share for quantity in known.values() if quantity.only_with), persona


def test_a_persona_has_one_name_everywhere() -> None:
    source = (ROOT / "scenarios" / "locustfile.py").read_text(encoding="utf-8")
    imported = [node for node in ast.parse(source).body if isinstance(node, ast.ImportFrom)]
    assert {persona_of(node.names[0].name) for node in imported} == set(PERSONAS)
    assert {(node.module or "").removeprefix("scenarios.") for node in imported} == set(PERSONAS)
    assert set(MIX) == set(PERSONAS)


@pytest.mark.parametrize(
    ("value", "most"),
    [
        (Constant(dist="constant", value=1.0), None),
        (Constant(dist="constant", value=1.5), "1.5"),
        (Uniform(dist="uniform", low=0.0, high=2.0), "2"),
        (LogNormal(dist="lognormal", median=0.5, sigma=1.0), "inf"),
        (LogNormal(dist="lognormal", median=0.5, sigma=1.0, max=1.0), None),
    ],
    ids=str,
)
def test_a_share_above_1_is_refused(value: Constant | Uniform | LogNormal, most: str | None) -> None:
    found = misfits({"chatter": {"retry": value}})
    assert found == ([] if most is None else [f"behaviour.chatter.retry = {most}: is a share of cases; give 0 to 1"])


def test_a_quantity_that_nobody_has_is_refused_but_strangers_may_have_any() -> None:
    value = Constant(dist="constant", value=5.0)
    assert misfits({"swiper": {"swips": value}, "stranger": {"swips": value}}) == [
        "behaviour.swiper.swips: swiper has no such quantity; did you mean swipes?"
    ]


def test_the_page_of_personas_is_as_the_schema_says() -> None:
    command = [sys.executable, "scripts/personas_page.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"write it anew with `make docs`; {done.stderr}"
