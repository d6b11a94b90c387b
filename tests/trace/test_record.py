"""A page of ours with the unmodified supabase-js is recorded in a real browser, and the recording can be compared."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.trace import trace
from harness.core.errors import UsageError
from harness.trace.browser.files import AppFiles
from harness.trace.browser.script import BadScript, script_of
from harness.trace.browser.scripts import read_script
from harness.trace.compare import compare
from harness.trace.model import TracedSocket
from harness.trace.reading import read_recording
from harness.trace.stage import stage
from tests.trace.test_replay import Silent

APP = Path(__file__).parent / "app"
UMD = Path(__file__).resolve().parents[1] / "node/node_modules/@supabase/supabase-js/dist/umd/supabase.js"


def missing() -> str:
    """What a recording needs and this machine has not."""
    if importlib.util.find_spec("playwright") is None:
        return "Playwright is not installed; .venv/bin/pip install -e '.[trace]'"
    if shutil.which("chromium") is None or shutil.which("npm") is None:
        return "Chromium or npm is missing; `make test-all` installs both"
    return "" if UMD.is_file() else "tests/node/node_modules is missing; run `npm ci` in tests/node"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    if why := missing():
        pytest.skip(why)
    folder = tmp_path / "app"
    shutil.copytree(APP, folder)
    shutil.copy(UMD, folder / "supabase.js")
    return folder


@pytest.mark.slow
@pytest.mark.browser
def test_a_small_app_is_built_driven_and_recorded(app: Path, tmp_path: Path) -> None:
    out = tmp_path / "app.jsonl"
    with stage(Silent()) as target:
        arguments = ["record", "--app", str(app), "--out", str(out), "--script", str(app / "script.toml")]
        done = CliRunner().invoke(trace, [*arguments, "--url", target.url, "--person", "4", "--app-port", "0"])
        assert done.exit_code == 0, (done.output, done.exception)
        secrets = [target.anon_key.reveal(), target.password.reveal(), target.email_pattern.format(index=4), "eyJ"]
    assert [secret for secret in secrets if secret in out.read_text()] == []
    recording = read_recording(out)
    flows = {flow.name: [f"{one.method} {one.path}" for one in flow.requests] for flow in recording.flows}
    assert list(flows) == ["sign-in", "lists", "away", "leave"]  # "gone" could not be done
    assert flows["sign-in"][:2] == ["OPTIONS /auth/v1/token", "POST /auth/v1/token"]
    assert flows["sign-in"][-2:] == ["OPTIONS /rest/v1/profiles", "GET /rest/v1/profiles"]
    assert flows["lists"] == ["OPTIONS /rest/v1/user_stats", "GET /rest/v1/user_stats"]
    assert flows["away"].count("POST /rest/v1/rpc/get_diary_stats") == 2
    asked = recording.flow("lists")
    assert asked is not None
    get = list(asked.requests)[-1]
    assert dict(get.query) == {"select": "user_id,followers_count", "order": "followers_count.asc", "limit": "6"}
    assert (get.auth, get.headers["x-client-info"], get.status) == ("bearer", "supabase-js-web/2.90.1", 200)
    signed_in, left = recording.flow("sign-in"), recording.flow("leave")
    assert signed_in is not None
    assert left is not None
    assert any(isinstance(event, TracedSocket) for event in signed_in.events)
    first = next(signed_in.frames)
    assert (first.event, first.topic) == ("phx_join", "realtime:room:small")
    assert ("phx_leave", "realtime:room:small") in [(one.event, one.topic) for one in left.frames]
    assert compare(recording, recording).count.share == 1.0


@pytest.mark.slow
@pytest.mark.browser
def test_an_app_that_has_not_what_the_script_needs_is_told(app: Path, tmp_path: Path) -> None:
    flow = '[[flow]]\nname = "a"\ndo = [{goto = "/"}, {fill = {field = "#no", text = "x"}}]\n'
    (app / "script.toml").write_text(f"patience = 1.0\n{flow}")
    arguments = ["record", "--app", str(app), "--out", str(tmp_path / "a"), "--script", str(app / "script.toml")]
    with stage(Silent()) as target:
        done = CliRunner().invoke(trace, [*arguments, "--url", target.url, "--app-port", "0"])
    assert isinstance(done.exception, UsageError)
    assert "the app did not show #no" in str(done.exception)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x =", "no TOML"),
        ("", "flow"),
        ('[[flow]]\nname = "a"\ndo = [{}]', "exactly one thing, this one is nothing"),
        ('[[flow]]\nname = "a"\ndo = [{goto = "/", click = "b"}]', "goto and click"),
        ('[[flow]]\nname = "../a"\ndo = [{goto = "/"}]', "name"),
        ('[[flow]]\nname = "a"\ndo = [{wait = -1}]', "wait"),
    ],
)
def test_a_script_that_is_none(text: str, said: str) -> None:
    with pytest.raises(BadScript, match=said):
        script_of(text)


def test_the_script_for_movinesta_is_one() -> None:
    names = [flow.name for flow in read_script(None).flow]
    assert {"sign-in", "swipe-open", "swipe", "offline", "online", "search", "conversation", "home"} <= set(names)


def test_files_of_the_app_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "index.html").write_text("the page")
    (tmp_path / "app" / "a.js").write_text("code")
    (tmp_path / "secret.txt").write_text("secret")
    files = AppFiles(tmp_path / "app")
    assert b"text/html" in files.reply("GET", "/")
    assert files.reply("GET", "/swipe/deep?x=1").endswith(b"the page")  # a path of the app
    assert files.reply("GET", "/a.js").endswith(b"code")
    for target in ("/../secret.txt", "/%2e%2e/secret.txt", "//etc/hostname"):
        assert b"secret" not in files.reply("GET", target).partition(b"\r\n\r\n")[2]
    assert files.reply("GET", "/none.js").startswith(b"HTTP/1.1 404")
    assert files.reply("POST", "/").startswith(b"HTTP/1.1 405")
