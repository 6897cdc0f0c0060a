"""What the methods are made of: batches, ratios and clips, group baselines, aggregation, composition. Knows torch only."""
