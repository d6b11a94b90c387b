"""Extensions among the API's functions. (pure)"""

from __future__ import annotations

from harness.preflight.model import Lint

LINT = Lint(
    id="extension_in_public",
    severity="low",
    title="An extension lives in the public schema",
    why="its functions are part of the API",
    manual="10",
    sql="""
select e.extname::text, 'in schema public', format('alter extension %I set schema extensions;', e.extname)
from pg_extension e where e.extnamespace = to_regnamespace('public') and e.extrelocatable
""",
)
