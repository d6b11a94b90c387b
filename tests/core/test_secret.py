"""A secret cannot be written down by accident, and the filter finds it in whatever dress it comes."""

from __future__ import annotations

import base64
import copy
import html
import json
import pickle
from urllib.parse import quote, quote_plus

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import HarnessError, UsageError
from harness.core.secret import NOTHING, Secret
from harness.core.secret_filter import MASK, SHORTEST, WORDS, SecretFilter

KEY = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIiwiaXNzIjoiY2FuYXJ5In0."
    "Q2FuYXJ5c2lnbmF0dXJlX29mX3NlcnZpY2Vfa2V5X1hZWg"
)
SECRETS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_categories=("Cc", "Cs", "Zs", "Cf", "Mn")),
    min_size=12,
    max_size=60,
)


def test_no_way_of_printing_shows_it() -> None:
    secret = Secret("canary-1234")
    shown = [str(secret), repr(secret), f"{secret}", f"{secret:>40}", f"{secret!r}", "%s %r" % (secret, secret)]  # noqa: UP031
    shown += ["{}".format(secret), str([secret]), str({"a": secret}), json.dumps(secret, default=str)]  # noqa: UP032
    assert not [text for text in shown if "canary" in text]
    assert secret.reveal() == "canary-1234"


def test_what_would_carry_it_off_refuses() -> None:
    secret = Secret("canary-1234")
    for carry in (pickle.dumps, json.dumps, orjson.dumps):
        with pytest.raises(TypeError):
            carry(secret)
    with pytest.raises(AttributeError):
        secret._hidden = "x"
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"a": secret})["a"] is secret
    assert not hasattr(secret, "__dict__")


def test_equality_truth_and_nothing() -> None:
    assert Secret("a-secret") == Secret("a-secret") != Secret("another")
    assert Secret("a-secret") != "a-secret"
    assert len({Secret("a-secret"), Secret("a-secret")}) == 1
    assert not NOTHING
    assert str(NOTHING) == NOTHING.reveal() == ""
    assert Secret(Secret("a-secret")).reveal() == "a-secret"


def test_whoever_holds_a_secret_has_told_the_filter() -> None:
    Secret("canary-5678")
    assert WORDS.text("it was canary-5678!") == f"it was {MASK}!"


def dressed(secret: str) -> list[str]:
    """Every dress in which a target may hand a secret back."""
    data = secret.encode()
    found = [secret, json.dumps(secret), json.dumps(json.dumps(secret)), repr(secret), html.escape(secret), data.hex()]
    found += [quote(secret, safe=""), quote_plus(secret), quote(secret), data.hex().upper()]
    for before in (b"", b"x", b"xy", b"xyz"):
        for after in (b"", b"z", b"zz"):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                coded = encode(before + data + after).decode()
                found += [coded, coded.rstrip("="), quote(coded, safe="")]
    found += [base64.encodebytes(data).decode(), json.dumps(base64.encodebytes(data).decode())]
    return found


def parted(text: str, every: int) -> list[str]:
    pieces = [text[place : place + every] for place in range(0, len(text), every)]
    return [joint.join(pieces) for joint in ("\n", "\r\n", " ", "\n    ", "\\n", "\\r\\n", "%0A", "&#10;")]


@pytest.mark.parametrize("secret", [KEY, "k" * 31 + "9", "Tr0ub4dor&3/+=?", "pass word/with \"all\" 'of' it <é>"])
def test_every_dress_is_seen_through(secret: str) -> None:
    words = SecretFilter([secret])
    for text in dressed(secret):
        assert words.known(f"before {text} after") != f"before {text} after", text
        held = words.known(f"<{text}>")
        assert len(held) <= len(text) + 2 - SHORTEST + len(MASK) + 8
        assert secret not in held
        assert words.holds(f"<{text}>".encode())
    for every in (7, 20, 76):
        for text in parted(secret, every):
            held = words.known(text)
            assert secret[:every] not in held or every >= len(secret) > len(held), (every, text, held)


@given(secret=SECRETS, before=st.text(max_size=20), after=st.text(max_size=20), number=st.integers(0, 200))
def test_any_secret_in_any_dress_anywhere(secret: str, before: str, after: str, number: int) -> None:
    words = SecretFilter([secret])
    dresses = dressed(secret)
    text = before + dresses[number % len(dresses)] + after
    clean = words.known(text)
    assert secret.lower() not in clean.lower()
    assert MASK in clean
    assert not words.holds(clean.encode(errors="surrogatepass"))


@given(st.text(max_size=300))
def test_what_holds_no_secret_stays_as_it_is(text: str) -> None:
    words = SecretFilter([KEY, "hunter-2-hunter-2"])
    assert words.known(text) == text


def test_the_password_of_an_address_and_the_parts_of_a_token_are_secrets_too() -> None:
    words = SecretFilter(["postgresql://me:hunt%2Fer-2@db/x", KEY])
    for said in ("hunt%2Fer-2", "hunt/er-2", KEY.split(".")[1], KEY.split(".")[2]):
        assert said not in words.text(f"it said {said}.")


@pytest.mark.parametrize(
    "address", ["http://a:canary@host", "http://a:can/ary@host/x", "https://canary@host:80/", "ws://a:canary@[::1]:9/"]
)
def test_an_address_is_shown_without_its_password(address: str) -> None:
    for error in (
        UsageError("no", where=address),
        HarnessError(f"cannot reach {address}"),
        UsageError("x", remedy=address),
    ):
        for text in (str(error), error.what, error.where, error.remedy, repr(error), str(error.args)):
            assert "ary" not in text


def test_an_address_without_one_stays() -> None:
    for address in ("http://127.0.0.1:80/x?mail=a@b.test", "http://[::1]:8080/a@b", "https://host/@user"):
        assert WORDS.text(address) == address


def test_a_table_of_json_is_clean_in_names_and_values() -> None:
    words = SecretFilter(["canary-5678"])
    tree = {"a canary-5678": [1, None, {"b": "Y2FuYXJ5LTU2Nzg="}], "n": 2.5}
    assert "canary" not in str(words.value(tree))
    assert "Y2FuYXJ5" not in str(words.value(tree))


def test_words_that_come_again_are_remembered_until_a_secret_is_learnt() -> None:
    words = SecretFilter()
    assert words.word("canary-5678") == "canary-5678"
    words.learn("canary-5678")
    assert words.word("canary-5678") == MASK


def test_what_is_too_short_to_be_told_from_other_text_is_left() -> None:
    assert SecretFilter(["abc"]).text("abc") == "abc"
