"""One fault a file. Importing this package loads them all; `chaos.fault.find` then knows each by its name.

There is no list to keep: a new file in this folder is a new fault (docs/adding-a-fault.md).
"""

from __future__ import annotations

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
