"""`python -m chaos.proxy`."""

from __future__ import annotations

import sys

from chaos.proxy.command import main

sys.exit(main())
