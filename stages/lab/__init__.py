"""The laboratory: generated problems and a small model whose entropy really collapses under RL.

`problems` generates the problems and their worked solutions, `tokenizer` and `warm_start` build the model that
has learned them with deliberate slips, so that a policy has forks to choose between and a style to lose.
"""
