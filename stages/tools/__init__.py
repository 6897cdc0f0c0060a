"""Commands beside the pipeline: the estimate of a profile, and the sweep over all methods."""
