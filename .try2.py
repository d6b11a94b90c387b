import sys,subprocess
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from sandbox.switches import Switches
with Sandbox(SandboxOptions(people=24, catalogue=100, switches=Switches.parse([a for a in sys.argv[1:] if '=' in a and not a.startswith('--')]))) as s:
    r=subprocess.run([".venv/bin/harness","preflight","--url",s.url,*[a for a in sys.argv[1:] if a.startswith('--')]],capture_output=True,text=True)
    print(r.stdout[-12000:], r.stderr[-1500:], r.returncode)
