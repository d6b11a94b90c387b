"""What a model says to a request: its text, its tokens, its price. (pure)

An answer is the object that the functions' prompt asks for, `{"type": "final", "text", "actions"}`. Cut short by
`max_output_tokens` it is closed all the same, as the provider's repair of broken JSON does.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import orjson

from sandbox.provider import reply_text
from sandbox.provider.models import CHARS_PER_TOKEN, LONGEST, LanguageModel, tokens_of
from sandbox.provider.reply_text import MentionedTitle

TITLES = "TOOL_RESULTS_MINI:"
"""What stands before the titles that a function has found, as a JSON list in a message of its own."""
LONG_ANSWER, LONGER_ANSWER = 3500, 6000
"""Tokens of an answer to somebody who asks for details, and for everything in detail."""
NONSENSE = "%%% <unk> \u2588\u2588 lorem \u0000 43 43 43"
_DETAILS = (
    "It starts slowly, and that is on purpose.",
    "The second act is where most people make up their mind.",
    "Look at how little is said in the scene at the table.",
    "The music does more of the work than the dialogue.",
    "Nothing of that gives away how it ends.",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the model sees it. limit: tokens that it may write; None: nobody said."""

    model: LanguageModel
    question: str
    titles: tuple[MentionedTitle, ...]
    limit: int | None
    prompt_tokens: int
    key: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came. content: the object as text."""

    text: str
    content: str
    tokens: int
    cut: bool
    cost: float


def read(body: Any, models: dict[str, LanguageModel]) -> Asked:
    """:raises ValueError: it is no request, or names a model that does not exist."""
    if not isinstance(body, dict) or not isinstance(body.get("input"), list):
        raise ValueError("input is a list of messages")
    model = models.get(str(body.get("model")))
    if model is None:
        raise ValueError(f"{body.get('model')} is not a valid model ID")
    question, titles = "", []
    for message in body["input"]:
        said = _said(message)
        if said.startswith(TITLES):
            titles = [MentionedTitle(str(one[0]), str(one[1])) for one in orjson.loads(said.removeprefix(TITLES))]
        elif isinstance(message, dict) and message.get("role") == "user":
            question = said
    limit = body.get("max_output_tokens")
    metadata = body.get("metadata")
    key = str(metadata.get("request_id", "")) if isinstance(metadata, dict) else ""
    whole = sum(len(_said(message)) for message in body["input"])
    limit = limit if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0 else None
    return Asked(model, question, tuple(titles), limit, max(1, whole // CHARS_PER_TOKEN), key)


def _said(message: Any) -> str:
    """A message's text."""
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def answer(asked: Asked, price_percent: int = 100) -> Answer:
    """The model's answer."""
    composed = reply_text.compose(asked.question, asked.titles)
    text = composed.text
    wanted = asked.question.casefold()
    if "in detail" in wanted:
        text = _at_length(text, LONGER_ANSWER if "everything" in wanted else LONG_ANSWER)
    allowed = min(asked.limit or LONGEST, LONGEST)
    tokens = tokens_of(text)
    cut = tokens > allowed
    if cut:
        text, tokens = text[: allowed * CHARS_PER_TOKEN], allowed
    content = orjson.dumps({"type": "final", "text": text, "actions": list(composed.actions)}).decode()
    cost = asked.model.cost(asked.prompt_tokens, tokens) * price_percent / 100
    return Answer(text, content, tokens, cut, cost)


def _at_length(text: str, tokens: int) -> str:
    sentences = [text]
    length = len(text)
    for sentence in islice(cycle(_DETAILS), tokens):
        if length >= tokens * CHARS_PER_TOKEN:
            break
        sentences.append(sentence)
        length += len(sentence) + 1
    return " ".join(sentences)[: tokens * CHARS_PER_TOKEN]


def response(asked: Asked, said: Answer, identifier: str, content: str) -> dict[str, Any]:
    """The body of a reply, as the provider's Responses API has it."""
    return {
        "id": identifier,
        "object": "response",
        "model": asked.model.name,
        "provider": "sandbox",
        "status": "incomplete" if said.cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if said.cut else None,
        "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": content}]}],
        "usage": {
            "input_tokens": asked.prompt_tokens,
            "output_tokens": said.tokens,
            "total_tokens": asked.prompt_tokens + said.tokens,
            "cost": round(said.cost, 9),
        },
    }
