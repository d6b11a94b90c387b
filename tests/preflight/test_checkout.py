"""Questions to a checkout of the app, made on the spot."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.core.errors import UsageError
from harness.preflight.checkout.ask import checkout
from harness.preflight.checkout.lints import CHECKOUT_LINTS

CONFIG = """
[functions.media-search]
verify_jwt = true
[functions.feed]
verify_jwt = false
"""
LIMITED = 'import { enforce } from "../_shared/limits.ts"; await enforceRateLimit(req);'
LIMITS = 'export const enforceRateLimit = () => rpc("check_rate_limit");'


def jwt(role: str) -> str:
    def part(content: dict[str, str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'iss': 'supabase', 'role': role})}.c2lnbmF0dXJlLW9mLWl0"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A checkout in which all is well."""
    functions = tmp_path / "supabase" / "functions"
    for name in ("media-search", "feed"):
        (functions / name).mkdir(parents=True)
        (functions / name / "index.ts").write_text(LIMITED)
    (functions / "_shared").mkdir()
    (functions / "_shared" / "limits.ts").write_text(LIMITS)
    (tmp_path / "supabase" / "config.toml").write_text(CONFIG)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "index.js").write_text(f'const key = "{jwt("anon")}";\nconst mask = "sk-";\n')
    (tmp_path / ".env").write_text("VITE_SUPABASE_ANON_KEY=abc\nSUPABASE_SERVICE_ROLE_KEY=only-on-the-server\n")
    return tmp_path


def asked(app: Path) -> set[tuple[str, str, str]]:
    return {(one.lint, one.object, one.severity) for one in checkout(app)}


def test_where_all_is_well_there_is_no_finding(app: Path) -> None:
    assert asked(app) == set()


def test_a_function_without_a_block(app: Path) -> None:
    (app / "supabase" / "config.toml").write_text("[functions.feed]\nverify_jwt = false\n")
    assert asked(app) == {("function_unconfigured", "function media-search", "medium")}


@pytest.mark.parametrize(("name", "severity"), [("media-search", "medium"), ("feed", "low")])
def test_a_function_without_a_limit(app: Path, name: str, severity: str) -> None:
    (app / "supabase" / "functions" / name / "index.ts").write_text("Deno.serve(() => new Response());")
    assert asked(app) == {("function_unlimited", f"function {name}", severity)}


@pytest.mark.parametrize("where", ["media-search/index.ts", "_shared/limits.ts"])
def test_get_user_where_the_gateway_validates(app: Path, where: str) -> None:
    file = app / "supabase" / "functions" / where
    file.write_text(file.read_text() + "\nawait supabase.auth.getUser(jwt);")
    assert asked(app) == {("get_user_behind_gateway", "function media-search", "medium")}


@pytest.mark.parametrize(
    ("secret", "what"),
    [
        (jwt("service_role"), "a service_role key"),
        ("sb_secret_" + "a1" * 12, "a secret key of Supabase"),
        ("sk-or-v1-" + "ab" * 20, "a key of OpenRouter"),
        ("postgresql://postgres:hunter22@db.example.com", "a connection string with a password"),
    ],
)
def test_a_secret_in_the_bundle_is_named_and_not_shown(app: Path, secret: str, what: str) -> None:
    (app / "dist" / "index.js").write_text(f'let a;\nlet b = "{secret}";')
    (finding,) = checkout(app)
    assert (finding.lint, finding.object) == ("secret_in_bundle", f"dist/index.js: {what}")
    assert "line 2" in finding.evidence
    assert secret not in f"{finding}"


def test_a_variable_that_bundlers_publish(app: Path) -> None:
    (app / ".env.production").write_text("VITE_SUPABASE_SERVICE_ROLE_KEY=very-secret-text\n")
    (finding,) = checkout(app)
    assert finding.object == ".env.production: VITE_SUPABASE_SERVICE_ROLE_KEY"
    assert "very-secret-text" not in f"{finding}"


def test_what_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="supabase/functions"):
        checkout(tmp_path)


def test_a_damaged_configuration_is_refused(app: Path) -> None:
    (app / "supabase" / "config.toml").write_text("[functions")
    with pytest.raises(UsageError, match="TOML"):
        checkout(app)


def test_the_command_needs_no_target_for_it(app: Path) -> None:
    (app / "dist" / "index.js").write_text(f'"{jwt("service_role")}"')
    done = CliRunner().invoke(cli, ["preflight", "--app", str(app)])
    assert done.exit_code == 40
    assert "a service_role key" in done.output
    assert f"{len(CHECKOUT_LINTS)} of {len(CHECKOUT_LINTS)} questions asked" in done.output


@pytest.mark.parametrize("text", ["functions = 1\n", "functions = []\n", "[functions]\nfeed = 1\n"])
def test_a_configuration_of_another_shape_has_no_blocks(app: Path, text: str) -> None:
    (app / "supabase" / "config.toml").write_text(text)
    assert isinstance(asked(app), set)


@pytest.mark.parametrize("text", ["x = " + "[" * 100_000, f"x = {'9' * 5_000}\n", "x = 1\nx = 2\n"])
def test_a_configuration_that_cannot_be_read_is_wrong_usage(app: Path, text: str) -> None:
    (app / "supabase" / "config.toml").write_text(text)
    with pytest.raises(UsageError):
        checkout(app)


def test_what_only_looks_like_a_function_is_left_out(app: Path, tmp_path: Path) -> None:
    functions = app / "supabase" / "functions"
    before = asked(app)
    (functions / "folder" / "index.ts").mkdir(parents=True)
    for name, place in (("loop", "index.ts"), ("outside", str(tmp_path.parent / "elsewhere.ts"))):
        (functions / name).mkdir()
        (functions / name / "index.ts").symlink_to(place)
    (tmp_path.parent / "elsewhere.ts").write_text("secret")
    assert asked(app) == before
