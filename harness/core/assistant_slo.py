"""`[[assistant]]` of an SLO file: what the assistant's models may take, cost and break. (pure)

Read from the app's own tables (`openrouter_request_log`, `openrouter_circuit_breakers`) and from the replies that
phones got; `reports.assistant` judges. The manual's chapter 8 asks for each. Money is dollars.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.core.frozen_model import Count, FrozenModel, Number, Text

Positive = Annotated[Number, Field(gt=0)]
Part = Annotated[Number, Field(ge=0, lt=1)]
Few = Annotated[Count, Field(ge=1)]


class AnswerTime(FrozenModel):
    """At most (100 - percentile) percent of a model's answers take longer. model absent: each model by itself.

    of: `answer`, from asking the first model to the whole answer, as the request log has it; `first_token`, from the
    phone's request to the first piece of text, where the deployment passes the model's stream through.
    """

    kind: Literal["latency"]
    name: Text
    model: Text | None = None
    of: Literal["answer", "first_token"] = "answer"
    percentile: Annotated[Number, Field(ge=50, lt=100)] = 95.0
    limit_ms: Positive
    min_samples: Few = 20


class FailureShare(FrozenModel):
    """At most so many of the requests to a model fail. Not counted: while a fault of the plan breaks the provider."""

    kind: Literal["failures"]
    name: Text
    model: Text | None = None
    max_share: Part
    min_samples: Few = 20


class Cost(FrozenModel):
    """What answers cost: one, or all of a person on a day; the median, the p99 or the dearest one."""

    kind: Literal["cost"]
    name: Text
    per: Literal["answer", "person_day"]
    of: Literal["median", "p99", "most"] = "median"
    limit_usd: Positive
    min_samples: Few = 1


class Price(FrozenModel):
    """A model is charged as its price list says, in dollars for a million tokens, within `tolerance`."""

    kind: Literal["price"]
    name: Text
    model: Text
    prompt_usd: Annotated[Number, Field(ge=0)]
    completion_usd: Annotated[Number, Field(ge=0)]
    tolerance: Annotated[Number, Field(gt=0, le=1)] = 0.05


class MaxTokens(FrozenModel):
    """No answer has more tokens."""

    kind: Literal["max_tokens"]
    name: Text
    limit: Few


class Patience(FrozenModel):
    """No request to a model takes longer. forms: in how many forms the app asks each model before the next one."""

    kind: Literal["timeout"]
    name: Text
    limit_ms: Positive
    forms: Few = 3
    slack_ms: Annotated[Number, Field(ge=0)] = 1500.0


class Quota(FrozenModel):
    """Nobody gets more: answers on a day, tools run for a message, searches of the web for a message.

    `answers_a_minute` is asked before the load (`harness.probes.assistant_quota`): whether the limit holds at n and
    refuses at n + 1, from two devices at once as well. That costs some 2 n answers.
    """

    kind: Literal["quota"]
    name: Text
    what: Literal["answers_a_minute", "answers_a_day", "tool_calls", "web_searches"]
    limit: Few


class Breaker(FrozenModel):
    """So many failures in a row open a model's breaker; for `cooldown_s` it is left alone, then asked again."""

    kind: Literal["breaker"]
    name: Text
    threshold: Few = 3
    cooldown_s: Positive = 30.0
    grace_s: Annotated[Number, Field(ge=0)] = 3.0


class Fallback(FrozenModel):
    """When every model fails people get a text all the same: at most so many of those replies are errors."""

    kind: Literal["fallback"]
    name: Text
    max_share: Part = 0.0


class Partial(FrozenModel):
    """When a tool fails people get the rest of the answer: at most so many of those replies have no text."""

    kind: Literal["partial"]
    name: Text
    max_share: Part = 0.0


class Isolation(FrozenModel):
    """While the provider is broken nothing else is: at most so many of any other call fail, of `min_samples`."""

    kind: Literal["isolation"]
    name: Text
    max_share: Part = 0.01
    min_samples: Few = 5


AssistantRule = Annotated[
    AnswerTime | FailureShare | Cost | Price | MaxTokens | Patience | Quota | Breaker | Fallback | Partial | Isolation,
    Field(discriminator="kind"),
]
