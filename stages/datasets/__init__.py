"""Real data sets: the pinned files they come from (`fetch`) and what their rows mean (`readers`)."""
