"""What stages hand each other, each format written down once, for the stage that writes it and for those that read it.

manifest  `data/manifest.json`: the data sets of a profile, a record each
records   `versions.json`: what trained a model, and what sampled it
steps     `train/<run>/steps.jsonl`: a line a training step
samples   `samples/<run>/<benchmark>.jsonl`: a line a sample
grades    `grades/<run>/`: a table a benchmark with a row a sample, and `scores.json`
"""
