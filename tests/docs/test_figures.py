"""Counts and lists that documents give in words are those of the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest

import chaos.faults  # noqa: F401 - registers them
from chaos.fault import Layer, registered
from chaos.network_model import LINKS
from harness.cli import cli
from harness.cli.environment import commands
from harness.client.checks.rules import RULES
from harness.config.load import PROFILES, load_profile
from harness.core.errors import ExitCode
from harness.core.slo import DatabaseLimits
from harness.doctor.checks import CHECKS
from harness.plan import LEVERS
from harness.preflight.checkout.lints import CHECKOUT_LINTS
from harness.preflight.lints import LINTS
from harness.preflight.outside.questions import QUESTIONS
from harness.prove.defects import DEFECTS
from harness.prove.mutants.allowed import reason
from harness.prove.mutants.catalogue import mutants
from reports.integrity.reads_texts import RULES as RULE_TEXTS
from reports.integrity.texts import QUESTIONS as QUESTIONS_OF_DATA
from scripts.which_profile_page import group

ROOT = Path(__file__).resolve().parents[2]
WORDS = dict(enumerate(("Ten", "Eleven", "Twelve", "Thirteen", "Fourteen", "Fifteen", "Sixteen"), 10))
EVERYWHERE = {"path", "method", "header"}
"""What all HTTP faults of the proxy take; said below the table."""
FOR_CHILDREN = {"HARNESS_PERMIT", "HARNESS_ANON_KEY", "HARNESS_PEOPLE_PASSWORD", "HARNESS_JWT_SECRET"}
"""What a command hands to its own processes; nobody sets them."""


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def first_cells(page: str) -> list[str]:
    """Of the rows of all tables."""
    return re.findall(r"^\| ([^|]*) \|", text(page), re.MULTILINE)


def names_in_tables(page: str) -> set[str]:
    """What stands in backticks in the first column of its tables."""
    return {name for cell in first_cells(page) for name in re.findall(r"`([^`]+)`", cell)}


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (f"{len(RULES)} rules ask each reply", "rules of reading"),
        (f"**{len(DEFECTS)} seeded defects**", "seeded defects"),
        (f"{len(mutants()):,} of them", "mutants"),
    ],
)
def test_the_readme_counts_as_the_code_does(words: str, count: str) -> None:
    assert words in text("README.md"), count


def test_the_page_about_proofs_counts_the_defects() -> None:
    assert f"all {len(DEFECTS)} defects" in " ".join(text("docs/prove.md").split())


def test_every_command_has_its_row_in_the_readme() -> None:
    table = " ".join(cell for cell in first_cells("README.md") if "harness " in cell)
    missing = [
        path
        for path, command in commands(cli)
        if not isinstance(command, click.Group)
        and f"harness {path}" not in table
        and not (path.startswith("history ") and f"`{path.split()[1]}`" in table)
    ]
    assert missing == []


def test_every_variable_that_the_harness_reads_is_explained() -> None:
    read = {
        name
        for path in (ROOT / "harness").rglob("*.py")
        for name in re.findall(r'"(HARNESS_[A-Z_]+)"', path.read_text(encoding="utf-8"))
    }
    assert len(read) > 10
    assert sorted(read - FOR_CHILDREN - names_in_tables("docs/command-line.md")) == []


def test_every_fault_has_its_row() -> None:
    assert sorted(set(registered(Layer.PHONE)) - names_in_tables("docs/chaos.md")) == []
    proxys = registered(Layer.STREAM, Layer.HTTP, Layer.FRAME)
    assert sorted(set(proxys) - names_in_tables("docs/chaos-proxy.md")) == []


def test_every_question_of_preflight_has_its_row_with_its_severity() -> None:
    rows = dict(re.findall(r"^\| `(\w+)`: [^|]* \| (\w+) \|", text("docs/preflight.md"), re.MULTILINE))
    asked = {one.id: one.severity for one in LINTS}
    asked |= {one.id: one.severity for one in QUESTIONS}
    asked |= {one.id: one.severity for one in CHECKOUT_LINTS}
    assert rows == asked


def test_every_exit_code_has_its_row() -> None:
    assert [int(cell) for cell in first_cells("docs/exit-codes.md") if cell.isdigit()] == sorted(map(int, ExitCode))


def test_every_live_metric_has_its_row() -> None:
    source = text("harness/live/families.py")
    written = set()
    for kind, name in re.findall(r"_(gauge|counter|spread)\(\s*\"(harness_[a-z_]+)\"", source):
        written.add(f"{name}_total" if kind == "counter" else name)
    told = set()
    for cell in first_cells("docs/live.md"):
        names = re.findall(r"`(\w+)`", cell)
        if names and names[0].startswith("harness_"):
            told |= {names[0].rpartition("_")[0] + name if name.startswith("_") else name for name in names}
    assert len(written) > 20
    assert sorted(written - told) == []


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads(text("pyproject.toml"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    named = text("docs/dependencies.md").lower()
    names = {re.split(r"[^\w.-]", one)[0].lower().removeprefix("pytest-").removeprefix("types-") for one in wanted}
    assert sorted(name for name in names if name not in named) == []


def test_the_index_has_every_page() -> None:
    index = text("docs/README.md")
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert sorted(name for name in pages if f"]({name})" not in index) == []


def test_the_blind_spots_count_the_mutants_that_may_live() -> None:
    live = sum(bool(reason(one)) for one in mutants())
    assert f"{live} of all {len(mutants()):,} may live" in text("docs/what-the-verdict-sees.md")


def test_every_option_says_what_it_is() -> None:
    silent = [
        f"{path} {option.opts[0]}"
        for path, command in commands(cli)
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert silent == []


def test_every_lever_of_the_plan_has_its_row() -> None:
    assert sorted(set(LEVERS) - names_in_tables("docs/plan.md")) == []


def test_the_rules_that_nothing_asks_are_said() -> None:
    """Of the contract's invariants; I15 is asked as "event day"."""
    asked = set(re.findall(r"I\d\d", f"{sorted(QUESTIONS_OF_DATA)} {[one.id for one in RULE_TEXTS.values()]}")) | {
        "I15"
    }
    never = set(re.findall(r"^## (I\d\d)", text("docs/contract/invariants.md"), re.MULTILINE)) - asked
    said = text("docs/what-the-verdict-sees.md").partition("## What it does not see")[2]
    named = set(re.findall(r"I\d\d", said.replace("I31 to I40", " ".join(f"I{n}" for n in range(31, 41)))))
    assert never <= named
    assert named & asked <= {"I80"}


def test_every_check_of_the_doctor_has_its_row() -> None:
    assert sorted({one.id for one in CHECKS} - set(first_cells("docs/doctor.md"))) == []


def test_every_emulated_link_is_named() -> None:
    assert sorted(name for name in LINKS if f"`{name}`" not in text("docs/chaos.md")) == []


def test_every_kind_of_rule_about_the_assistant_has_its_row() -> None:
    kinds = re.findall(r'^    kind: Literal\["(\w+)"\]', text("harness/core/assistant_slo.py"), re.MULTILINE)
    assert len(kinds) > 5
    assert sorted(set(kinds) - names_in_tables("docs/assistant.md")) == []


def test_every_limit_of_the_database_is_shown() -> None:
    page = text("docs/database.md")
    assert [name for name in DatabaseLimits.model_fields if f"\n    {name} = " not in page] == []
    assert f"{WORDS[len(DatabaseLimits.model_fields)]} figures stand beside the manual's limits" in page


def test_nobody_is_told_to_install_a_package_of_our_name_from_an_index() -> None:
    """None is published: whoever registered the name would be run."""
    places = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", *(ROOT / "harness").rglob("*.py")]
    told = [path.name for path in places if re.search(r"pip install\W+movinesta-harness", path.read_text("utf-8"))]
    assert told == []


def test_the_readme_counts_the_profiles_with_faults() -> None:
    faulty = [path.stem for path in PROFILES.glob("*.toml") if group(load_profile(path.stem)) == "faults"]
    assert f"{WORDS[len(faulty)].lower()} with faults" in " ".join(text("README.md").split())


@pytest.mark.parametrize(
    ("page", "layers"),
    [("docs/chaos.md", (Layer.PHONE,)), ("docs/chaos-proxy.md", (Layer.STREAM, Layer.HTTP, Layer.FRAME))],
)
def test_every_parameter_of_a_fault_is_named_with_its_default(page: str, layers: tuple[Layer, ...]) -> None:
    rows = re.findall(r"^\| (`[^|]*)\|([^|]*)\|", text(page), re.MULTILINE)
    missing = []
    for name, fault in registered(*layers).items():
        told = next(parameters for names, parameters in rows if f"`{name}`" in names)
        for parameter, field in fault.model_fields.items():
            if parameter in EVERYWHERE:
                continue
            number = isinstance(field.default, int | float) and field.default != 0
            if f"`{parameter}`" not in told or (number and f"({field.default:g}" not in told):
                missing.append(f"{name}: {parameter} ({field.default})")
    assert missing == []
