from harness.preflight.outside.run import outside
from harness.preflight.outside.questions import strangers_messages, anonymous_functions
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from tests.preflight.outside_parts import access
import harness.preflight.outside.sender as S
old=S.Sender.__call__
async def call(self, ask):
    r=await old(self, ask)
    if 'rpc' in ask.path or not r.ok: print(ask.text[:120], r.status, r.problem, r.content[:100])
    return r
S.Sender.__call__=call
with Sandbox(SandboxOptions(people=24, catalogue=60)) as s:
    r=outside(access(s.url),questions=(strangers_messages.QUESTION,anonymous_functions.QUESTION))
    for f in r.findings: print(f.lint,f.object,f.evidence[:150])
    print(r.unasked)
