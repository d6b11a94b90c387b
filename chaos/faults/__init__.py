"""One fault a file. Importing this package loads them all; `chaos.fault.find` then knows each by its name.

There is no list to keep: a new file in this folder is a new fault (docs/adding-a-fault.md). What belongs here: fault
models and the stages that carry them out, all pure. They import the bases in `chaos` and nothing of `chaos.proxy`.
"""

from __future__ import annotations

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
