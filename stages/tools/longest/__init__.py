"""The parts of `python -m stages.tools.preflight --step`."""
