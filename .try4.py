import time,sys
sys.path.insert(0,'.')
import tests.preflight.test_outside_defects as T
import sandbox.postgres as P
P.START_LIMIT_S=300
t=time.time()
n=T.found(tuple(T.FAULTS), 7)
print("took",time.time()-t)
for s,w in T.FAULTS.items():
    if set(w)-n: print("MISSED",s,set(w)-n)
allw={x for w in T.FAULTS.values() for x in w}
for x in sorted(n-allw): print("more",x)
