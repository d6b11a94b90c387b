"""What the system says of a path that somebody named: wrong usage, where a disk that is full or failing is not."""

from __future__ import annotations

import errno

UNUSABLE = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError, FileExistsError)
UNUSABLE_NUMBERS = frozenset({errno.ELOOP, errno.ENAMETOOLONG, errno.EROFS})
"""Beside those, which Python has classes for."""
