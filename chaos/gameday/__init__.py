"""Game days: faults put in one by one, what the agent makes of each, graded."""

BY = "game day"  # as whom it acts
