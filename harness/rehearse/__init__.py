"""A whole rehearsal of a launch, from the plan to the clean-up."""
