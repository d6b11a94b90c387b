"""Profile, target and SLO files: what is accepted, and what a person reads when it is not."""

from __future__ import annotations

import random
import statistics
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.config.behaviour import misfits
from harness.config.load import PROFILES, load_profile, load_slos, load_target, resolve_keys
from harness.core.distributions import Constant, LogNormal, Uniform
from harness.core.draw import draw, draw_count
from harness.core.errors import ExitCode, UsageError
from harness.core.profile import ArrivalStage, Phases, Profile, SandboxSize
from harness.core.secret import Secret
from harness.core.slo import LatencySlo, ShareSlo
from harness.core.target import Target, TargetKeys
from harness.plan import PlanInputs, load_prices, make, profile_toml
from sandbox.realtime.settings import PLANS

settings.register_profile("patient", deadline=None)  # test machines are busy
settings.load_profile("patient")

PROFILE = """
name = "tiny"
people = 10
phones = 5
[phases]
warmup_s = 5
measure_s = 10
[[arrivals]]
seconds = 15
rate = 2
[mix]
swiper = 0.5
reader = 0.5
[behaviour.swiper.swipes]
dist = "lognormal"
median = 10
sigma = 0.5
min = 5
max = 20
"""
TARGET = """
name = "staging"
url = "https://project.example.com"
environment = "staging"
[keys]
anon_env = "STAGING_ANON"
[limits."project.example.com"]
requests_per_second = 100
phones = 50
"""
SLOS = """
[[slo]]
kind = "latency"
name = "feed"
operation = "home_feed"
view = "server"
limit_ms = 400
[[slo]]
kind = "share"
name = "errors"
operations = ["home_feed"]
view = "e2e"
outcomes = ["timeout"]
max_share = 0.01
"""
LOADERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "profile": (load_profile, PROFILE),
    "target": (load_target, TARGET),
    "slos": (load_slos, SLOS),
}


def refusal(tmp_path: Path, kind: str, *replacements: tuple[str, str]) -> str:
    """What a person reads after those replacements in the good file."""
    load, text = LOADERS[kind]
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load(path)
    assert caught.value.exit_code is ExitCode.USAGE
    message = str(caught.value)
    assert str(path) in message
    assert "remedy: " in message
    assert "Traceback" not in message
    assert "pydantic" not in message
    return message


@pytest.mark.parametrize("kind", LOADERS)
def test_the_files_these_tests_start_from_are_good(kind: str, tmp_path: Path) -> None:
    load, text = LOADERS[kind]
    (tmp_path / "good.toml").write_text(text)
    assert load(tmp_path / "good.toml")


SHIPPED = sorted(path.stem for path in PROFILES.glob("*.toml"))


def test_the_issues_profiles_are_shipped() -> None:
    assert {"smoke", "nightly", "rehearsal", "spike", "soak"} <= set(SHIPPED)


TESTED = sorted((Path(__file__).resolve().parents[1] / "data").glob("*.toml"))


@pytest.mark.parametrize("path", [one for one in TESTED if "slo" not in one.stem], ids=lambda path: path.stem)
def test_profiles_of_the_slow_tests_are_still_understood(path: Path) -> None:
    assert misfits(load_profile(path).behaviour) == []


@pytest.mark.parametrize("name", SHIPPED)
def test_packaged_profiles_load_by_name(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert profile.description
    wanted = {"swiper": {"swipes", "dwell_s"}, "reader": {"pages", "read_s"}, "chatter": {"messages", "typing_s"}}
    everybody = {"reader"} if name == "retry-storm" else set(wanted)  # a storm is of reads
    assert set(profile.behaviour) == set(profile.mix) >= everybody
    assert all(set(profile.behaviour[persona]) >= wanted[persona] for persona in everybody)
    assert profile.sandbox.people >= profile.people
    busiest = max(max(stage.rate, stage.end_rate) for stage in profile.arrivals if not stage.herd)
    assert profile.people / busiest > 55, "a person would come round while still there"


@pytest.mark.parametrize("name", SHIPPED)
def test_packaged_profiles_say_in_comments_what_they_are_for(name: str) -> None:
    text = (PROFILES / f"{name}.toml").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert max(map(len, text.splitlines())) <= 120


def test_the_rehearsal_is_a_tenth_of_the_plan(tmp_path: Path) -> None:
    inputs = PlanInputs()
    path = tmp_path / "planned.toml"
    path.write_text(profile_toml(make(inputs, load_prices()), inputs, scale=0.1), encoding="utf-8")
    own = {"name", "description"}
    assert load_profile("rehearsal").model_dump(exclude=own) == load_profile(path).model_dump(exclude=own)


def test_every_shipped_profile_has_only_quantities_that_somebody_draws() -> None:
    for name in SHIPPED:
        assert misfits(load_profile(name).behaviour) == []


def test_personas_of_ones_own_may_have_any_quantity() -> None:
    any_one = {"skater": {"ollies": Constant(dist="constant", value=7)}}
    assert misfits(any_one) == []


# ---- a profile that extends another ----------------------------------------------------------------------------


def extending(folder: Path, **files: str) -> Path:
    """Profiles in a folder; the path of the first."""
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return folder / f"{next(iter(files))}.toml"


def test_a_profile_says_only_what_differs(tmp_path: Path) -> None:
    text = """
        name = "mine"
        extends = "nightly"
        phones = 7
        [phases]
        measure_s = 540
        drain_s = 5
        [[arrivals]]
        seconds = 600
        rate = 1
        [mix]
        swiper = 0.5
        reader = 0.5
        [behaviour.swiper.dwell_s]
        dist = "constant"
        value = 1
    """
    mine, nightly = load_profile(extending(tmp_path, mine=text)), load_profile("nightly")
    assert (mine.name, mine.description, mine.phones, mine.people) == ("mine", "", 7, nightly.people)
    assert mine.phases == Phases(warmup_s=nightly.phases.warmup_s, measure_s=540, drain_s=5)
    assert mine.arrivals == (ArrivalStage(seconds=600, rate=1),)
    assert set(mine.behaviour) == set(mine.mix) == {"swiper", "reader"}
    assert mine.behaviour["swiper"] == nightly.behaviour["swiper"] | {"dwell_s": Constant(dist="constant", value=1)}
    assert mine.behaviour["reader"] == nightly.behaviour["reader"]
    assert mine.sandbox == nightly.sandbox


def test_profiles_extend_in_a_chain_and_by_path_from_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "base.toml").write_text('name = "base"\nextends = "smoke"\nseed = 99\n')
    path = tmp_path / "deep" / "top.toml"
    path.write_text('name = "top"\nextends = "../base.toml"\n')
    assert load_profile(path).seed == 99
    assert load_profile(path).mix == load_profile("smoke").mix


@pytest.mark.parametrize(
    ("files", "parts"),
    [
        ({"a": 'name = "a"\nextends = "nihgtly"'}, ["extends = 'nihgtly'", "a.toml", "did you mean nightly?"]),
        ({"a": 'name = "a"\nextends = "./b.toml"', "c": ""}, ["extends = './b.toml'", "a.toml", "did you mean"]),
        ({"a": 'name = "a"\nextends = 7'}, ["extends = 7", "in quotes", "a.toml"]),
        ({"a": 'name = "a"\nextends = ""'}, ["extends = ''", "a.toml"]),
        ({"a": 'name = "a"\nextends = "./a.toml"'}, ["circle", "a.toml extends ", "take extends out"]),
        (
            {"a": 'name = "a"\nextends = "./b.toml"', "b": 'name = "b"\nextends = "./a.toml"'},
            ["circle", "b.toml extends ", "take extends out"],
        ),
        ({"a": 'name = "a"\nextends = "./b.toml"', "b": "= 3"}, ["b.toml", "line 1, column 1"]),
        ({"a": 'extends = "smoke"'}, ["name is missing", "a.toml"]),
        ({"a": 'name = "a"\nextends = "smoke"\nbehaviour = 3'}, ["behaviour = 3", "must be a table"]),
        ({"a": 'name = "a"\nextends = "smoke"\nphases = 3'}, ["phases = 3", "must be a table"]),
        (
            {"a": 'name = "a"\nextends = "smoke"\n[phases]\nmeasure_s = 70'},
            ["stages last 60 s together, but warmup_s + measure_s is 80 s"],
        ),
        (
            {"a": 'name = "a"\nextends = "smoke"\n[behaviour.redaer]\nread_s = {dist = "constant", value = 1}'},
            ["redaer is not a persona of [mix]", "did you mean reader?"],
        ),
    ],
)
def test_what_cannot_be_extended_is_said(files: dict[str, str], parts: list[str], tmp_path: Path) -> None:
    path = extending(tmp_path, **files)
    with pytest.raises(UsageError) as caught:
        load_profile(path)
    assert [part for part in parts if part not in str(caught.value)] == [], str(caught.value)


def test_packaged_slos_are_those_of_the_manual() -> None:
    slos = load_slos()
    latency = {(s.operation, str(s.view)): s.limit_ms for s in slos if isinstance(s, LatencySlo)}
    assert latency == {
        ("home_feed", "server"): 400,
        ("home_feed", "e2e"): 1500,
        ("swipe_deck", "server"): 700,
        ("swipe_deck", "e2e"): 2000,
        ("message_send", "server"): 250,
        ("message_send", "e2e"): 1000,
        ("message_delivery", "delivery"): 1000,
    }
    assert all(s.percentile == 95 for s in slos if isinstance(s, LatencySlo))
    shares = [s for s in slos if isinstance(s, ShareSlo)]
    assert [s.max_share for s in shares] == [0.005, 0.005, 0.001]
    failed = shares[1]
    assert not any(outcome.good for outcome in failed.outcomes)
    assert len(failed.outcomes) == 10


@pytest.mark.parametrize(
    ("replacement", "parts"),
    [
        (("people = 10", "people = 1"), ["people = 1: must be 2 or more"]),
        (("people = 10", 'people = "10"'), ["people = '10': must be a whole number"]),
        (("people = 10", "people = true"), ["people = True: must be a whole number"]),
        (("people = 10", "peeple = 10"), ["peeple is not a known key = 10; did you mean people?", "people is missing"]),
        (("phones = 5", "phones = 11"), ["phones = 11: more than people = 10"]),
        (("rate = 2", "rate = -2.5"), ["arrivals.0.rate = -2.5: must be 0 or more"]),
        (("rate = 2", "rate = nan"), ["arrivals.0.rate = nan: must be finite"]),
        (("rate = 2", "rate = 0"), ["arrivals: no stage has a rate above 0"]),
        (("rate = 2", "rate = 1e9"), ["arrivals: plan 1.5e+10 sessions"]),
        (("seconds = 15", "seconds = 14.9"), ["arrivals: stages last 14.9 s", "warmup_s + measure_s is 15 s"]),
        (("reader = 0.5", "reader = 0.4"), ["mix: shares sum to 0.9, not 1", "+0.1"]),
        (("reader = 0.5", "Reader = 0.5"), ["mix.Reader", "must be up to 64 lower-case letters"]),
        (("behaviour.swiper", "behaviour.swipper"), ["behaviour: swipper is not a persona", "did you mean swiper?"]),
        (("min = 5", "min = 10"), ["behaviour.swiper.swipes.min = 10", "not below median = 10"]),
        (("max = 20", "max = 9"), ["behaviour.swiper.swipes.max = 9", "not above median = 10"]),
        (("max = 20", "max = inf"), ["behaviour.swiper.swipes.max = inf: must be finite"]),
        (("max = 20", "maxi = 20"), ["behaviour.swiper.swipes.maxi is not a known key = 20; did you mean max?"]),
        (('dist = "lognormal"', ""), ["behaviour.swiper.swipes.dist is missing", "constant, uniform, lognormal"]),
        (('dist = "lognormal"', 'dist = "lognorm"'), ["swipes.dist = 'lognorm'", "did you mean lognormal?"]),
        (("median = 10\n", ""), ["behaviour.swiper.swipes.median is missing; add it"]),
        (("[mix]", "[[mix]]"), ["mix: must be a table"]),
        (('name = "tiny"', 'name = "../tiny"'), ["name = '../tiny': must be up to 64 letters"]),
    ],
)
def test_a_wrong_profile_is_named_key_by_key(replacement: tuple[str, str], parts: list[str], tmp_path: Path) -> None:
    message = refusal(tmp_path, "profile", replacement)
    assert [part for part in parts if part not in message] == [], message


def test_all_problems_of_a_file_come_at_once(tmp_path: Path) -> None:
    message = refusal(tmp_path, "profile", ("people = 10", "people = 0"), ("rate = 2", "rate = -1"), ("max", "maxx"))
    assert "3 problems in profile" in message
    assert len([line for line in message.splitlines() if line.startswith("  ") and " = " in line]) == 3


@pytest.mark.parametrize(
    ("replacement", "parts"),
    [
        (("https://", "ftp://"), ["url = 'ftp://project.example.com'", "scheme must be http or https"]),
        (("example.com", "example.com/rest/v1"), ["path, query and fragment are not allowed"]),
        (("example.com", "example.com?x=1"), ["path, query and fragment"]),
        (("example.com", "example.com:99999"), ["port 99999 does not exist"]),
        (("project.", "project .\\t"), ["host or port cannot be read"]),
        (("project.example.com", "[::zz]"), ["url"]),
        (
            ('"staging"\n[keys]', '"stagin"\n[keys]'),
            ["environment = 'stagin': must be one of sandbox", "did you mean staging?"],
        ),
        (("phones = 50", "phones = 0"), ["limits.project.example.com.phones = 0: must be 1 or more"]),
        (('[limits."project', '[limits."https://project'), ["not a host name"]),
    ],
)
def test_a_wrong_target_is_named(replacement: tuple[str, str], parts: list[str], tmp_path: Path) -> None:
    message = refusal(tmp_path, "target", replacement)
    assert [part for part in parts if part not in message] == [], message


@pytest.mark.parametrize(
    "replacement",
    [
        ('"STAGING_ANON"', '"eyJhbGciOi.hunter2"'),
        ("https://", "https://user:hunter2@"),
        ("[keys]", 'service_key = "hunter2"\n[keys]'),
        ("[keys]", '[keys]\nanon = "hunter2"'),
        ("[keys]", '[people]\npassword = "hunter2"\n[keys]'),
        ("[keys]", '[people]\npassword_env = "hunter2!"\n[keys]'),
        ("[keys]", 'key = "hunter2\n[keys]'),
    ],
)
def test_a_secret_in_a_target_file_is_not_repeated(replacement: tuple[str, str], tmp_path: Path) -> None:
    load, text = LOADERS["target"]
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(*replacement, 1))
    with pytest.raises(UsageError) as caught:
        load(path)
    error: BaseException | None = caught.value
    while error is not None:
        assert "hunter2" not in str(error)
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    ("replacement", "parts"),
    [
        (('"errors"', '"feed"'), ["slo: more than one SLO is called 'feed'"]),
        (("max_share = 0.01", "max_share = 1"), ["slo.1.max_share = 1: must be below 1"]),
        (('["timeout"]', '["timeot"]'), ["slo.1.outcomes.0 = 'timeot': must be one of ok", "did you mean timeout?"]),
        (('["timeout"]', '["timeout", "timeout"]'), ["slo.1.outcomes: timeout named twice"]),
        (('kind = "latency"', 'kind = "latencies"'), ["slo.0.kind = 'latencies'", "did you mean latency?"]),
        (("limit_ms", "limit"), ["slo.0.limit is not a known key", "limit_ms", "slo.0.limit_ms is missing"]),
        (('view = "server"', 'view = "client"'), ["slo.0.view = 'client': must be one of server, e2e"]),
    ],
)
def test_a_wrong_slo_file_is_named(replacement: tuple[str, str], parts: list[str], tmp_path: Path) -> None:
    message = refusal(tmp_path, "slos", replacement)
    assert [part for part in parts if part not in message] == [], message


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"name = 'a'\npeople = = 3\n", "line 2, column 10"),
        (b"name = 'a", "line 1, column 10"),
        (b"name = 'a'\nx = '\xff'\n", "line 2, column 6"),
        (b"a = " + b"[" * 5000 + b"]" * 5000, "nested too deeply"),
        (b"# " + b"x" * 1_000_001, "larger than 1,000,000 bytes"),
        (b"", "name is missing"),
    ],
)
def test_what_is_not_toml_is_placed(content: bytes, place: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load_profile(path)
    assert place in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_names_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no profile called 'smok'") as caught:
        load_profile("smok")
    assert "did you mean smoke?" in str(caught.value)
    with pytest.raises(UsageError, match=f"known: {', '.join(SHIPPED)}"):
        load_profile("zzz")
    (tmp_path / "mine.toml").write_text(TARGET)
    with pytest.raises(UsageError, match=r"did you mean mine\.toml\?"):
        load_target(tmp_path / "mime.toml")
    assert load_target("mine", folder=tmp_path).name == "staging"
    with pytest.raises(UsageError, match="known: none"):
        load_target("mine", folder=tmp_path / "nowhere")
    with pytest.raises(UsageError, match="is a folder, not a file"):
        load_target(tmp_path)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), st.lists), st.data())
def test_any_value_at_any_key_is_accepted_or_named(value: Any, data: st.DataObject) -> None:
    """No malformed document makes the translation of errors itself fail."""
    from pydantic import ValidationError

    from harness.config.problems import sentences

    document = tomllib.loads(PROFILE)
    place: Any = document
    keys = []
    while isinstance(place, dict | list):
        key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
        keys.append(key)
        if data.draw(st.booleans()) or not isinstance(place[key], dict | list):
            place[key] = value
            break
        place = place[key]
    try:
        Profile.model_validate(document)
    except ValidationError as error:
        for line in sentences(error.errors(), document, Profile):
            assert str(keys[0]) in line or keys[0] in ("people", "phases", "mix")


def test_urls_are_normalised_and_split() -> None:
    def target(url: str) -> Target:
        keys = TargetKeys(anon_env="A")
        return Target(name="t", url=url, environment="local", keys=keys)

    assert target("http://127.0.0.1:54321/").url == "http://127.0.0.1:54321"
    assert (target("https://Project.Example.com").host, target("https://a").port) == ("project.example.com", 443)
    assert (target("http://[::1]:80").host, target("http://[::1]").port) == ("::1", 80)


def test_keys_come_from_the_environment_and_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text(TARGET.replace("[keys]", '[keys]\nservice_env = "STAGING_SERVICE"'))
    target = load_target(tmp_path / "t.toml")
    keys = resolve_keys(target, {"STAGING_ANON": "hunter2", "STAGING_SERVICE": "hunter3"})
    assert (keys.anon, keys.service) == (Secret("hunter2"), Secret("hunter3"))
    assert (keys.jwt_secret, keys.password) == (None, None)
    assert "hunter" not in repr(keys)
    assert "hunter" not in str(keys)
    with pytest.raises(UsageError, match=r"STAGING_SERVICE \(keys.service_env\)") as caught:
        resolve_keys(target, {"STAGING_ANON": "hunter2", "STAGING_SERVICE": ""})
    assert "hunter" not in str(caught.value)
    assert "STAGING_ANON" not in str(caught.value)


def test_models_survive_the_manifest() -> None:
    profile = load_profile("smoke")
    assert Profile.model_validate_json(profile.model_dump_json()) == profile
    open_end = LogNormal(dist="lognormal", median=1, sigma=1)
    assert LogNormal.model_validate_json(open_end.model_dump_json()) == open_end


@st.composite
def lognormals(pick: st.DrawFn) -> LogNormal:
    median = pick(st.floats(0.01, 1e4))
    return LogNormal(
        dist="lognormal",
        median=median,
        sigma=pick(st.floats(0.01, 3)),
        min=median * pick(st.floats(0, 0.99)),
        max=pick(st.none() | st.floats(1.01, 100).map(lambda factor: median * factor)),
    )


@given(lognormals(), st.integers())
def test_draws_stay_inside_and_take_one_number(distribution: LogNormal, seed: int) -> None:
    source, witness = random.Random(seed), random.Random(seed)
    value = draw(distribution, source)
    witness.random()
    assert source.getstate() == witness.getstate()
    assert distribution.min <= value
    assert distribution.max is None or value <= distribution.max


class Extreme(random.Random):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def random(self) -> float:
        return self.value


@given(lognormals(), st.sampled_from([0.0, 1 - 2**-53]))
def test_draws_survive_the_ends_of_the_random_numbers(distribution: LogNormal, end: float) -> None:
    assert 0 <= draw(distribution, Extreme(end)) < float("inf")


def test_truncated_draws_are_what_drawing_again_gives() -> None:
    distribution = LogNormal(dist="lognormal", median=10, sigma=0.6, min=6, max=14)
    source = random.Random(1)
    ours = sorted(draw(distribution, source) for _ in range(20_000))
    again = sorted(v for _ in range(60_000) if 6 <= (v := source.lognormvariate(2.302585, 0.6)) <= 14)[:]
    for q in range(5, 100, 10):
        mine, other = ours[len(ours) * q // 100], again[len(again) * q // 100]
        assert mine == pytest.approx(other, rel=0.02)


def test_other_draws() -> None:
    source = random.Random(1)
    assert draw(Constant(dist="constant", value=3.5), source) == 3.5
    values = [draw(Uniform(dist="uniform", low=2, high=4), source) for _ in range(5000)]
    assert 2 <= min(values) < 2.01 < 3.99 < max(values) <= 4
    assert statistics.mean(values) == pytest.approx(3, abs=0.05)
    assert draw_count(Constant(dist="constant", value=2.5), source) == 3
    assert draw_count(Constant(dist="constant", value=2.49), source) == 2


@pytest.mark.parametrize("value", ["key\n", "key\r", "two words", "schlüssel"])
def test_a_key_that_cannot_be_a_header_is_refused_without_being_shown(value: str) -> None:
    target = Target(name="t", url="http://127.0.0.1:1", environment="local", keys=TargetKeys(anon_env="KEY"))
    with pytest.raises(UsageError) as refused:
        resolve_keys(target, {"KEY": value})
    assert "KEY" in str(refused.value)
    assert value not in str(refused.value)


def test_a_profile_may_ask_for_any_plan_of_the_sandboxs_realtime() -> None:
    (plans,) = [get_args(field.annotation) for name, field in SandboxSize.model_fields.items() if name == "plan"]
    assert set(plans) == set(PLANS)


def test_a_percentile_is_a_percentage(tmp_path: Path) -> None:
    message = refusal(tmp_path, "slos", ("limit_ms = 400", "limit_ms = 400\npercentile = 0.95"))
    assert "did you mean 95?" in message


def test_what_a_pass_takes_is_handed_down(tmp_path: Path) -> None:
    path = tmp_path / "slo.toml"
    path.write_text('claim = "point"\n' + SLOS.replace("max_share", 'claim = "shown"\nmax_share'))
    assert [slo.claim for slo in load_slos(path)] == ["point", "shown"]
    path.write_text(SLOS)
    assert {slo.claim for slo in load_slos(path)} == {"shown"}
