"""A whole rehearsal of a launch: from people a day to a verdict, the month's cost, and a target left as it was.

`ask` is what was asked and what follows from it without a packet; `before` asks target and machine; `projection` says
from smaller steps what larger ones would do (pure); `state` is the one file by which a rehearsal is resumed; `conduct`
does it, stage by stage.
"""
