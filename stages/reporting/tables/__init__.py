"""Checked results -> tables: scores with intervals, gains, counts, prices, verdicts, settings. Pure."""
