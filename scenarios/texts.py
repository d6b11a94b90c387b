"""What people write: several scripts, everything that storage may mangle, one code point to two thousand. (pure)

A chat of short English sentences shows neither a column that is too short nor an encoding that is wrong. A part of the
messages is therefore written as people all over the world write: joined emoji, right-to-left, combining marks, Han,
Kana and Hangul, quotes, backslashes, markup. Nothing here is normalised; a target that normalises has changed the text.
"""

# ruff: noqa: RUF001  (signs that look like others are the point)

from __future__ import annotations

import random
from collections.abc import Sequence

from faker import Faker

LIMIT = 2000
"""UTF-16 units that the app's field takes (contract 5.4)."""
PLAIN_SHARE = 0.6
LONG_SHARE = 0.04

_fake = Faker("en_US", use_weighting=False)
_fake.seed_instance(0)
PHRASES = tuple(_fake.sentences(nb=400))
"""Plain sentences; made once, because making text costs more than sending it."""

SCRIPTS: dict[str, tuple[str, ...]] = {
    "joined emoji": (
        "👨‍👩‍👧‍👦 movie night?",
        "👍🏽",
        "🏳️‍🌈🧑🏿‍🚀❤️‍🔥",
        "rated it ⭐️⭐️⭐️⭐️ 🤷🏼‍♀️",
        "🇸🇪🇯🇵 subtitles, 1️⃣ more episode",
    ),
    "right to left": (
        "هل شاهدت هذا الفيلم؟",
        "ראית את הסרט הזה? 10/10 \u200fבאמת",
        "فیلم را «دوست» داشتم، قسمت ۲ کی می‌آید؟",
        "I said שלום and left\u202c",
    ),
    "combining marks": (
        "e\u0301 is not é",
        "Z\u0351\u036ba\u0363l\u0357g\u035co\u0321",
        "a\u030a \u00e5 \u212b",
        "नमस्ते, क्षत्रिय",
        "ภาพยนตร์เรื่องนี้ดีมาก",
        "Tiê\u0301ng Việt",
    ),
    "Han, Kana, Hangul": (
        "この映画、もう見た？",
        "今晚一起看电影吧，我带爆米花。",
        "영화 보러 갈래요?",
        "ｶﾞ ガ カ\u3099",
        "𠮷野家で待ってる",
    ),
    "quotes and backslashes": (
        "\"It's\" 'quoted' “twice” «thrice»",
        'C:\\new\\table\\u0041 \\\\ \\" \\0',
        "'; DROP TABLE messages; --",
        '{"type":"text","text":"not a message"}',
        "100 % _sure_ $1 ${x} %s %00",
    ),
    "markup": (
        "<b>bold</b> &amp; <script>alert(1)</script>",
        "a < b && b > c &lt;br&gt;",
        "<img src=x onerror=\"alert('x')\">",
        "[link](https://example.org/?a=1&b=2#c) `code`",
    ),
    "white space": (
        "two  spaces\tand a tab",
        "first line\nsecond line\r\nthird",
        " leading and trailing ",
        "no\u00a0break, zero\u200bwidth, soft\u00adhyphen",
        "\u2028separated\u2029",
    ),
    "short": (".", "k", "é", "啊", "😂", "١"),
}
_SPECIAL = tuple(text for texts in SCRIPTS.values() for text in texts)


def text(chance: random.Random, phrase: str) -> str:
    """`phrase`, or something else in its place. Draws from `chance` alone."""
    roll = chance.random()
    if roll < PLAIN_SHARE:
        return phrase
    chosen = _SPECIAL[int(chance.random() * len(_SPECIAL))]
    if roll < 1 - LONG_SHARE:
        return chosen
    return long_text((chosen, phrase), round(2 ** (4 + chance.random() * 7)))


def long_text(parts: Sequence[str], units: int) -> str:
    """The parts over and over, at most `units` UTF-16 units and at most as many as the field takes; no half signs."""
    pieces: list[str] = []
    limit, used = max(1, min(units, LIMIT)), 0
    while True:
        for sign in " ".join(parts) + " ":
            used += 1 + (ord(sign) > 0xFFFF)
            if used > limit:
                return "".join(pieces) or "."
            pieces.append(sign)
