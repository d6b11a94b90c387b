"""The largest arrival rate that a target carries within every SLO, found by whole runs at chosen rates.

`search` decides which rate to try next, from the steps alone (pure); `step_profile` makes a step's profile; `worth`
says what a rate is in people a day; `state` keeps a search so that it can be resumed; `hunt` makes the runs.
"""
