"""The pictures of docs/reading-a-report.md: first screens of three records, as Chromium shows them.

    python scripts/report_pictures.py --passed RUN --failed RUN --inconclusive RUN

Each RUN is a run directory; its page is rendered anew into a temporary folder, the record stays as it is. Needs
`chromium` on PATH. The commands that made the records of the committed pictures stand in the document.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
PICTURES = ROOT / "docs" / "pictures"
WIDE, PHONE = (1280, 720), (390, 844)
COLOURS = 48
MOST_BYTES = 150_000


def main() -> None:
    from reports.report import rendered
    from tests.reports.chrome import browser

    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("no chromium on PATH; scripts/test-tools.sh installs it")
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for kind in ("passed", "failed", "inconclusive"):
        arguments.add_argument(f"--{kind}", type=Path, required=True, metavar="RUN")
    given = vars(arguments.parse_args())
    with tempfile.TemporaryDirectory() as folder, browser(chromium, Path(folder) / "profile") as page:
        for kind, run in given.items():
            file = Path(folder) / f"{kind}.html"
            file.write_text(rendered(run), encoding="utf-8")
            sizes = {"": WIDE, "-phone": PHONE} if kind == "failed" else {"": WIDE}
            for suffix, (width, height) in sizes.items():
                page.open("about:blank")
                metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
                page.call("Emulation.setDeviceMetricsOverride", **metrics)
                page.open(file.as_uri())
                shot = Path(folder) / "shot.png"
                page.screenshot(shot, whole=False)
                kept(shot, PICTURES / f"report-{kind}{suffix}.png")


def kept(shot: Path, path: Path) -> None:
    """The picture with few colours, which is what keeps it small."""
    with Image.open(shot) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT)}: {size:,} bytes")
    if size > MOST_BYTES:
        raise SystemExit(f"{path} is larger than {MOST_BYTES:,} bytes")


if __name__ == "__main__":
    main()
