"""Ids carry their position and look like what the service accepts."""

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core import ids

runs = st.integers(0, 2**32 - 1)
people = st.integers(0, ids.MAX_PERSON)
sequences = st.integers(0, 2**32 - 1)
STRICT = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")


@given(runs, people, sequences)
def test_an_id_is_a_version_4_uuid_and_tells_its_position(run: int, person: int, sequence: int) -> None:
    made = ids.make(run, person, sequence)
    assert STRICT.match(made)
    assert uuid.UUID(made).version == 4
    assert ids.position(run, made) == ids.Position(person, sequence)


@given(runs, runs, people, sequences)
def test_another_run_does_not_know_it(run: int, other: int, person: int, sequence: int) -> None:
    if run != other:
        assert ids.position(other, ids.make(run, person, sequence)) is None


@given(runs, st.uuids(version=4))
def test_a_foreign_id_is_not_ours(run: int, foreign: uuid.UUID) -> None:
    found = ids.position(run, str(foreign))
    assert found is None or ids.make(run, found.person, found.sequence) == str(foreign)


def test_what_is_no_uuid_is_not_ours() -> None:
    assert ids.position(1, "not an id") is None
    assert ids.position(1, str(uuid.uuid1())) is None


@given(st.uuids())
def test_any_notation_that_python_knows_is_read(value: uuid.UUID) -> None:
    text = str(value)
    for notation in (text, text.upper(), f"{{{text}}}", f"urn:uuid:{text}", text.replace("-", "")):
        assert ids.raw(notation) == value.bytes
        assert ids.canonical(notation) == text


@pytest.mark.parametrize(
    "text", [None, 7, "", "x", "0" * 31, "00000000-0000-4000-8000-00000000000g", "0000 000-0000-4000-8000-000000000000"]
)
def test_what_is_no_uuid_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        ids.raw(text)
