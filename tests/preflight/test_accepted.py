"""Accepted findings, SARIF, and the command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import cli
from harness.config.load import load_model
from harness.core.errors import ExitCode, HarnessError, UsageError
from harness.preflight.accepted import AcceptedFile, AcceptedFinding, sort
from harness.preflight.lints import LINTS
from harness.preflight.model import PreflightFinding, by_gravity
from harness.preflight.rules import RULES
from harness.preflight.sarif import sarif
from sandbox.options import SandboxOptions
from sandbox.server.instance import Sandbox

TODAY = date(2026, 11, 30)


def finding(lint: str = "duplicate_index", about: str = "public.t", **changes: Any) -> PreflightFinding:
    rest = {"severity": "low", "title": "Two", "why": "slow", "manual": "4.3", "evidence": "e", "remedy": "drop;"}
    return PreflightFinding(**({"lint": lint, "object": about} | rest | changes))


def entry(**changes: Any) -> AcceptedFinding:
    values = {"lint": "duplicate_index", "object": "public.t", "reason": "both are needed", "until": TODAY}
    return AcceptedFinding.model_validate({**values, **changes})


def test_by_gravity() -> None:
    found = by_gravity([finding(), finding("x", severity="high"), finding("a", severity="medium")])
    assert [one.severity for one in found] == ["high", "medium", "low"]


def test_an_accepted_one_does_not_count_until_its_day_is_over() -> None:
    one, other = finding(), finding(about="public.u")
    kept = sort([one, other], [entry()], TODAY)
    assert (kept.open, kept.accepted, kept.expired, kept.unneeded) == ((other,), (one,), (), ())
    over = sort([one, other], [entry()], date(2026, 12, 1))
    assert (over.open, over.accepted, over.expired) == ((one, other), (), (entry(),))
    assert sort([one, other], [entry(object=None)], TODAY).open == ()
    assert sort([other], [entry()], TODAY).unneeded == (entry(),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('lint = "duplicate_indx"\nreason = "x"\nuntil = 2027-01-01', "did you mean duplicate_index"),
        ('lint = "duplicate_index"\nuntil = 2027-01-01', "reason"),
        ('lint = "duplicate_index"\nreason = "x"', "until"),
        ('lint = "duplicate_index"\nreason = "x"\nuntil = 2027-01-01\nobjekt = "y"', "objekt"),
    ],
)
def test_a_wrong_file_is_refused(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "accepted.toml"
    path.write_text(f"[[accepted]]\n{text}\n", encoding="utf-8")
    with pytest.raises(UsageError) as error:
        load_model(path, "file of accepted findings", AcceptedFile)
    assert says in str(error.value)


def test_sarif_names_rule_object_and_remedy() -> None:
    document = sarif([finding()], [finding(about="public.u")])
    (run,) = document["runs"]
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {rule.id for rule in RULES}
    open_one, accepted = run["results"]
    assert (open_one["ruleId"], open_one["level"]) == ("duplicate_index", "note")
    assert "public.t" in open_one["message"]["text"]
    assert "drop;" in open_one["message"]["text"]
    assert "suppressions" in accepted
    assert "suppressions" not in open_one


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with Sandbox(SandboxOptions(people=5)) as running:
        yield running.url


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["preflight", *arguments])


def test_the_sandbox_as_shipped_has_what_it_is_known_for(sandbox: str, tmp_path: Path) -> None:
    """contract 8.4: a limiter that anybody may call; and no table of the API without row-level security."""
    found = run("--url", sandbox, "--sarif", str(tmp_path / "p.sarif"))
    assert found.exit_code == ExitCode.TARGET
    assert "public.check_rate_limit(text,text,integer): SECURITY DEFINER; it writes" in " ".join(found.output.split())
    assert "revoke execute on function public.check_rate_limit(text,text,integer) from public, anon;" in found.output
    assert f"{len(LINTS)} of {len(LINTS)} questions asked" in found.output
    document = json.loads(run("--url", sandbox, "--json", "--fail-on", "never").output)
    lints = {one["lint"] for one in document["findings"]}
    assert "rls_disabled_in_public" not in lints
    assert "debug_object_in_api" not in lints
    assert "latest_per_group_index" not in lints
    assert len(json.loads((tmp_path / "p.sarif").read_text())["runs"][0]["results"]) == len(document["findings"])


def test_accepted_findings_let_it_pass(sandbox: str, tmp_path: Path) -> None:
    high = [one for one in json.loads(run("--url", sandbox, "--json").output)["findings"] if one["severity"] == "high"]
    path = tmp_path / "accepted.toml"
    entries = [
        f"[[accepted]]\nlint = {json.dumps(one['lint'])}\nobject = {json.dumps(one['object'])}\n"
        'reason = "as shipped"\nuntil = 2199-12-31\n'
        for one in high
    ]
    path.write_text("\n".join(entries), encoding="utf-8")
    found = run("--url", sandbox, "--accepted", str(path))
    assert found.exit_code == ExitCode.PASS, found.output
    assert f"{len(high)} accepted" in found.output
    assert run("--url", sandbox, "--accepted", str(path), "--fail-on", "medium").exit_code == ExitCode.TARGET


def test_without_a_target_or_a_connection_string(tmp_path: Path) -> None:
    assert "which target?" in run().output
    path = tmp_path / "t.toml"
    path.write_text(
        'name = "t"\nurl = "http://127.0.0.1:1"\nenvironment = "staging"\n[keys]\nanon_env = "ANON"\n', encoding="utf-8"
    )
    found = CliRunner().invoke(cli, ["preflight", "--target", str(path)], env={"ANON": "a"})
    assert isinstance(found.exception, HarnessError), found.output
    assert "dsn_env" in f"{found.exception} {found.exception.remedy}"
