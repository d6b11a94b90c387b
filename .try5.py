from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from tests.preflight.outside_parts import access
from harness.preflight.ask import preflight
from harness.egress.gate import Gate
import asyncio, asyncpg
with Sandbox(SandboxOptions(people=5)) as s:
    a=access(s.url)
    print(s.options.switches.hardened)
    f=preflight(a.dsn.reveal(), Gate()).findings
    print(len(f))
    async def q():
        c=await asyncpg.connect(a.dsn.reveal())
        print(await c.fetch("select current_user, has_function_privilege('anon','public.check_rate_limit(text,text,integer)','execute') x, (select count(*) from pg_indexes where schemaname='public') n"))
    asyncio.run(q())
