"""The published schema of verdict.json, made from code.

python scripts/verdict_schema.py            # write it
python scripts/verdict_schema.py --check    # exit 1 when that would change something
"""

from __future__ import annotations

import sys
from pathlib import Path

from reports.render.verdict_schema import VERSION, render

FILE = Path(__file__).resolve().parents[1] / "docs" / "schema" / f"verdict-{VERSION}.json"


def main(arguments: list[str]) -> int:
    text = render()
    if "--check" in arguments:
        return int(not FILE.is_file() or FILE.read_text(encoding="utf-8") != text)
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text, encoding="utf-8")
    print(f"wrote {FILE}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
