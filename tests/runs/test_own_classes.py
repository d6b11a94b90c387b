"""Own user classes beside the personas, under Locust's own command line: they work, or are refused at the start."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.server import Sandbox

ROOT = Path(__file__).parent.parent.parent
OWN = """
from locust import FastHttpUser, HttpUser, constant, task

from harness.client.device import Device
from harness.client.screens.app import open_app
from harness.load.locust_adapter import PhoneUser
from scenarios.swiper import Swiper


class Plain(HttpUser):
    wait_time = constant(0.3)

    @task
    def look(self) -> None:
        self.client.get("/.well-known/movinesta-sandbox", name="plain_look")


class Fast(FastHttpUser):
    wait_time = constant(0.3)

    @task
    def look(self) -> None:
        self.client.get("/.well-known/movinesta-sandbox", name="fast_look")


class MySwiper(Swiper):
    weight = 1

    async def session(self, phone: Device) -> None:
        await super().session(phone)


class Visitor(PhoneUser):
    async def session(self, phone: Device) -> None:
        await open_app(phone)
"""
LAZY = """
from harness.load.locust_adapter import PhoneUser


class Lazy(PhoneUser):
    pass
"""
CLASSES = """
from harness.load.locust_adapter import PhoneUser
from scenarios.swiper import Swiper


class MySwiper(Swiper):
    pass


class Mine(MySwiper):
    persona = "somebody_else"


class FilmCritic(PhoneUser):
    pass


print([Swiper.persona, MySwiper.persona, Mine.persona, FilmCritic.persona])
"""


def python(*arguments: str, limit_s: float = 90) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LOCUST_", "HARNESS_"))}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=limit_s,
    )


@pytest.mark.slow
def test_a_class_that_derives_from_a_persona_is_that_persona_unless_it_says_otherwise() -> None:
    assert "['swiper', 'swiper', 'somebody_else', 'film_critic']" in python("-c", CLASSES).stdout


@pytest.mark.slow
def test_own_classes_work_beside_the_personas(sandbox: Sandbox, tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(OWN, encoding="utf-8")
    done = python(
        *("-m", "locust", "-f", str(own), "--headless", "--host", sandbox.url),
        *("-u", "8", "-r", "8", "-t", "25s", "--only-summary"),
    )
    assert "Traceback" not in done.stdout, done.stdout
    assert done.returncode == 0, done.stdout
    for name in ("plain_look", "fast_look", "home_feed", "swipe_deck"):
        assert re.search(rf"{name} +[1-9]", done.stdout), (name, done.stdout)


@pytest.mark.slow
def test_a_phone_user_without_a_session_is_refused_at_the_start(sandbox: Sandbox, tmp_path: Path) -> None:
    own = tmp_path / "lazy.py"
    own.write_text(LAZY, encoding="utf-8")
    done = python("-m", "locust", "-f", str(own), "--headless", "--host", sandbox.url, "-u", "1", "-t", "20s")
    assert done.returncode == 2, done.stdout
    assert "Lazy is a PhoneUser without a session()" in done.stdout
    assert "Traceback" not in done.stdout
