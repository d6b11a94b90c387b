"""Archives of a history, which may come from anybody's cache: laid out whole, or refused with one error."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from harness.core.errors import UsageError
from harness.history.packed import KEPT, unpack

TEXT = b"what a record says, " * 50


def archive(*names: str, level: int = zipfile.ZIP_DEFLATED) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", level) as made:
        for name in names:
            made.writestr(name, TEXT)
    return kept.getvalue()


def spoiled(packed: bytes, offset: int, value: int) -> bytes:
    return packed[:offset] + bytes([packed[offset] ^ value]) + packed[offset + 1 :]


def encrypted(packed: bytes) -> bytes:
    """The flag that says so, in both heads of the first file."""
    central = packed.index(b"PK\x01\x02")
    return spoiled(spoiled(packed, 6, 1), central + 8, 1)


def test_what_is_whole_is_laid_out(tmp_path: Path) -> None:
    folder = unpack("20261123T030000Z-a", archive(*KEPT), tmp_path)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == dict.fromkeys(KEPT, TEXT)


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"PK\x05\x06" + bytes(17), id="cut off"),
        pytest.param(archive(KEPT[0])[:-30], id="no end"),
        pytest.param(spoiled(archive(KEPT[0]), 50, 0xFF), id="deflate"),
        pytest.param(spoiled(archive(KEPT[0], level=zipfile.ZIP_STORED), 60, 1), id="checksum"),
        pytest.param(encrypted(archive(KEPT[0])), id="password"),
        pytest.param(archive("../../elsewhere"), id="another name"),
        pytest.param(archive("/etc/elsewhere"), id="absolute"),
    ],
)
def test_what_is_not_is_refused(packed: bytes, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is damaged"):
        unpack("20261123T030000Z-a", packed, tmp_path / "out")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("run_id", ["../up", "/etc", "", ".hidden", "a/b", "a\nb"])
def test_a_name_that_leads_elsewhere_is_refused(run_id: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is damaged"):
        unpack(run_id, archive(*KEPT), tmp_path / "out")
    assert not (tmp_path / "out").exists()
