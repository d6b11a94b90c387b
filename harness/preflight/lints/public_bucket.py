"""Storage that needs no sign-in. (pure)"""

from __future__ import annotations

from harness.preflight.model import Lint

LINT = Lint(
    id="public_bucket",
    severity="low",
    title="A storage bucket is public",
    why="whoever knows or guesses a name reads the file, without signing in",
    manual="10",
    sql="""
select 'bucket ' || id, 'public', format('update storage.buckets set public = false where id = %L;', id)
from storage.buckets where public
""",
)
