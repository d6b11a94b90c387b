"""Tokens that run out in the middle of a session. (pure)"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from chaos.fault import Draw, register
from chaos.phone_fault import AttemptTreatment, PhoneFault, PhoneTreatment


@register
class ExpiredTokenFault(PhoneFault):
    """Lists stay empty and taps fail until the app is opened anew; or there is one pause before the next tap.

    - known: at the beginning the tokens of the whole cohort have run out; each phone refreshes before its next request,
      all of them about now.
    - unknown: the phone believes its token good; every attempt that is hit carries one that the server must refuse.
    """

    name: ClassVar[str] = "expired_token"

    phone: Literal["known", "unknown"] = Field("unknown", description="whether the phone knows that its token ran out")

    @property
    def scope(self) -> Literal["attempt", "phone", "message"]:
        return "phone" if self.phone == "known" else "attempt"

    @property
    def needs_sign_in(self) -> bool:
        return True

    def treat(self, treatment: AttemptTreatment, draw: Draw) -> AttemptTreatment:
        if treatment.lost == "request" or treatment.expired:
            return treatment
        return replace(treatment, expired=True)

    def treat_phone(self, draw: Draw) -> PhoneTreatment:
        return PhoneTreatment(expire=True)
