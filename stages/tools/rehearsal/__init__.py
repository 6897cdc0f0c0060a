"""The parts of `python -m stages.tools.rehearse`."""
