import sys,time
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from sandbox.switches import Switches
from harness.core.resolved_target import ResolvedTarget
from harness.load.discovery import discover
from harness.preflight.outside.run import outside
from collections import Counter
def access(url, dsn=True):
    f=discover(url)
    return ResolvedTarget(name=f.name,url=f.url,environment="sandbox",anon_key=f.anon_key,password=f.people.password,email_pattern=f.people.email_pattern,signing_secret=f.jwt_secret,service_key=f.service_key,dsn=f.dsn if dsn else type(f.dsn)(""))
with Sandbox(SandboxOptions(people=24, catalogue=100, switches=Switches.parse([a for a in sys.argv[1:] if '=' in a]))) as s:
    r=outside(access(s.url, 'nodsn' not in sys.argv))
    for f in r.findings: print(f.severity, f.lint, '|', f.object, '|', f.evidence[:260])
    print("UNASKED"); print("\n".join(r.unasked))
    print(r.took_s, len(r.listed), len(r.sent), len(r.statements), r.asked)
