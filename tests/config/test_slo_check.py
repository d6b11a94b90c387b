"""An SLO file is held against the call catalogue and the profile before anything is started."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.client.api import calls, chat_calls
from harness.client.api.call import Call
from harness.client.api.retry import TRANSPORT_METHODS
from harness.config.load import PROFILES, SCENARIOS, load_profile, load_slo_file
from harness.config.slo_reach import out_of_reach
from harness.core.errors import ExitCode, UsageError
from harness.core.operation_names import OPERATION_NAMES, REALTIME_NAMES
from harness.core.retried_calls import RETRIED_CALLS
from harness.core.slo import CatchAll
from tests.config.test_config import SLOS
from tests.runs.conftest import BRIEF

CODE = Path(calls.__file__).parents[3]


def written(tmp_path: Path, *replacements: tuple[str, str], more: str = "") -> Path:
    text = SLOS
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "slo.toml"
    path.write_text(text + more)
    return path


@pytest.mark.parametrize(
    ("replacement", "meant"),
    [
        (('operation = "home_feed"', 'operation = "home_fed"'), "did you mean home_feed?"),
        (('operations = ["home_feed"]', 'operations = ["home_feed", "swipe_dek"]'), "did you mean swipe_deck?"),
        (('operations = ["home_feed"]', 'operations = ["swipe_events"]'), "view server has it"),
    ],
)
def test_a_name_that_nothing_has_is_refused_with_what_was_meant(
    replacement: tuple[str, str], meant: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as refused:
        load_slo_file(written(tmp_path, replacement))
    assert meant in str(refused.value)


@pytest.mark.parametrize("section", ["catch_all.bound", "exclude"])
def test_so_is_one_of_the_catch_all(section: str, tmp_path: Path) -> None:
    more = f'[[{section}]]\nname = "presense"\n' + ('reason = "because"\n' if section == "exclude" else "")
    with pytest.raises(UsageError, match="did you mean presence"):
        load_slo_file(written(tmp_path, more=more))


def test_an_exclusion_needs_its_reason(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="reason"):
        load_slo_file(written(tmp_path, more='[[exclude]]\nname = "presence"\n'))


def test_a_file_without_the_section_takes_the_shipped_one(tmp_path: Path) -> None:
    shipped = load_slo_file().catch_all
    assert shipped is not None
    assert shipped.exclude
    assert load_slo_file(written(tmp_path)).catch_all == shipped
    own = load_slo_file(written(tmp_path, more="[catch_all]\nserver_ms = 900\n")).catch_all
    assert own == CatchAll(server_ms=900, exclude=shipped.exclude)
    more = '[[exclude]]\nname = "onboarding_likes"\nview = "server"\nreason = "not deployed"\n'
    added = load_slo_file(written(tmp_path, more=more)).catch_all
    assert added is not None
    assert [one.reason for one in added.exclude if one.name == "onboarding_likes"] == ["not deployed"]
    assert len(added.exclude) == len(shipped.exclude)


def test_both_shipped_files_say_it_themselves() -> None:
    for name in ("slo.toml", "slo-prove.toml"):
        assert "\n[catch_all]\n" in (SCENARIOS / name).read_text(encoding="utf-8")


def test_a_minimum_that_the_profile_cannot_reach_is_refused_with_the_length_it_takes(tmp_path: Path) -> None:
    profile = load_profile("smoke")
    few = ("limit_ms = 400", "limit_ms = 400\nmin_samples = 100000")
    path = written(tmp_path, ('operation = "home_feed"', 'operation = "swipe_deck"'), few)
    (problem,) = out_of_reach(profile, load_slo_file(path).slo)
    assert problem.measure_s is not None
    assert problem.measure_s > 10 * profile.phases.measure_s
    assert "too few; at this rate it takes measure_s = " in problem.text


def test_what_no_persona_of_the_mix_does_is_out_of_reach() -> None:
    found = out_of_reach(load_profile("retry-storm"), load_slo_file().slo)
    assert "Message send, server wants 60 samples, and no persona of [mix] does any of it" in [p.text for p in found]


@pytest.mark.parametrize("name", ["smoke", "nightly", "rehearsal", "prove-minutes", "soak", "spike"])
def test_the_shipped_objectives_are_within_reach_of_long_profiles(name: str) -> None:
    assert out_of_reach(load_profile(name), load_slo_file().slo) == []


def test_the_command_refuses_before_anything_starts(tmp_path: Path) -> None:
    path = written(tmp_path, ("limit_ms = 400", "limit_ms = 400\nmin_samples = 1000000"))
    out = tmp_path / "runs"
    done = CliRunner().invoke(cli, ["run", str(BRIEF), "--slo", str(path), "--out", str(out)], standalone_mode=False)
    refused = done.exception
    assert isinstance(refused, UsageError)
    assert refused.exit_code is ExitCode.USAGE
    assert "cannot answer" in str(refused)
    assert not out.exists()


def operations(tree: ast.AST) -> Iterator[str]:
    """Names that code measures operations under: text, or a name that is given text in the same module."""
    given: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            texts = {part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant)}
            given.setdefault(node.targets[0].id, set()).update(text for text in texts if isinstance(text, str))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "operation":
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant):
                    yield str(argument.value)
                elif isinstance(argument, ast.Name):
                    yield from given.get(argument.id, set())


def test_the_declared_operations_are_those_of_the_code() -> None:
    found: set[str] = {"message_edit", "message_delete", "swipe_batch"}  # by a call's name, and `SessionNotes.ended`
    for path in (CODE / "harness" / "client" / "screens").rglob("*.py"):
        found |= set(operations(ast.parse(path.read_text(encoding="utf-8"))))
    assert found == OPERATION_NAMES
    sender = (CODE / "harness" / "client" / "events" / "event_sender.py").read_text(encoding="utf-8")
    assert '"swipe_batch"' in sender


def test_the_declared_answers_of_realtime_are_those_of_the_code() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (CODE / "harness/client/realtime").rglob("*.py"))
    labels = ("conversation", "typing", "presence", "eavesdropper")
    bare = {name for name in REALTIME_NAMES if name.rsplit("_", 1)[1] not in labels}
    assert [name for name in sorted(bare) if f'"{name}"' not in text] == []


def test_the_calls_that_are_tried_again_are_the_reads() -> None:
    every = [one for module in (calls, chat_calls) for one in vars(module).values() if isinstance(one, Call)]
    assert {one.name for one in every if one.method in TRANSPORT_METHODS} == RETRIED_CALLS


def test_every_shipped_profile_still_loads() -> None:
    for path in PROFILES.glob("*.toml"):
        load_profile(path)
