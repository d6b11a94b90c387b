"""For all tests: who stays together on a parallel worker, and no time limit per example of a property test, because the
machine is shared and small."""

import pytest
from hypothesis import settings

settings.register_profile("harness", deadline=None)
settings.load_profile("harness")


@pytest.hookimpl(tryfirst=True)  # before xdist looks for the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole runs need cores of their own, one after the other; a module starts its sandbox once for all its tests."""
    for item in items:
        if item.get_closest_marker("xdist_group") is not None:
            continue
        if "tests/runs/" in item.path.as_posix():
            item.add_marker(pytest.mark.xdist_group("runs"))
        elif "sandbox" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(item.path.as_posix()))
