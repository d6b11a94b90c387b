"""Links between documents lead somewhere, headings included, and every page can be reached."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.commands import pages

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\((?!https?://|mailto:)(?P<path>[^)#\s]*)(?:#(?P<heading>[^)\s]+))?\)")
CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[tuple[Path, str]]:
    """Where its relative links lead: file, and heading if they name one."""
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    return [
        ((page.parent / found["path"]).resolve() if found["path"] else page, found["heading"] or "")
        for found in LINK.finditer(text)
    ]


def anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    titles = re.findall(r"^#{1,6} (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_link_leads_somewhere() -> None:
    every = [(page, path, heading) for page in pages(ROOT) for path, heading in links(page)]
    assert len(every) > 100
    broken = [
        f"{page.relative_to(ROOT)}: {path}#{heading}"
        for page, path, heading in every
        if not path.exists() or (heading and heading not in anchors(path))
    ]
    assert broken == []


def test_every_page_can_be_reached_from_the_readme_or_the_index() -> None:
    open_pages = [ROOT / "README.md", ROOT / "docs" / "README.md"]
    reached: set[Path] = set()
    while open_pages:
        page = open_pages.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        open_pages += [path for path, _ in links(page)]
    assert sorted(set((ROOT / "docs").rglob("*.md")) - reached) == []
