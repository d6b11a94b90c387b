"""What to do now: the manual's playbook (chapter 11, and what chapters 4, 5 and 9 add), opened by what this run missed.

`table` has the plays, `openers` what opens them, `evidence` what this run knows about a step, `steps` lays them
together. Pure; whoever renders shows `Step`s.
"""
