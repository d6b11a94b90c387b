"""The SCRAM exchange of RFC 7677, section 3, and what is refused."""

from __future__ import annotations

import pytest

from sandbox.realtime.scram import Scram

NONCE = "rOprNGfwEbeRWgbNEkqO"
FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"


def test_an_exchange_whose_server_knows_the_password() -> None:
    mine, other = Scram("pencil", NONCE), Scram("pencil", NONCE)
    assert mine.first() == b"n,,n=,r=rOprNGfwEbeRWgbNEkqO"
    final = mine.final(FIRST)
    assert final.startswith(b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=")
    assert other.final(FIRST) == final
    assert Scram("pen", NONCE).final(FIRST) != final


def test_a_server_that_does_not_is_refused() -> None:
    scram = Scram("pencil", NONCE)
    scram.final(FIRST)
    with pytest.raises(ValueError, match="cannot prove"):
        scram.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    for strange in (
        FIRST.replace(b"r=rO", b"r=xx"),
        FIRST.replace(b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", b""),
        b"nonsense",
    ):
        with pytest.raises(ValueError, match=r"somebody else|not a SCRAM"):
            scram.final(strange)
