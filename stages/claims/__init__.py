"""Published claims as experiments: what is claimed, what a profile's runs measured, and what the one says of the other.

schema.py      a file of `data/claims/`: claims with their tests, whose decision rules stand before the runs
measures.py    the number that a test asks of a run: a column of the step log, one derived from them, or a score
probed.py      the number that a test asks of a probe, every rollout batch's
quantities.py  a test's number of every training seed
judge.py       the numbers of the seeds -> supported, contradicted or inconclusive

Pure functions of tables; the report reads and prints.
"""
