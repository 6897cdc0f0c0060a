"""What one optimiser step does to the entropy, exactly and as papers estimate it. torch and transformers; no verl, Ray, vLLM.

batch.py          prompts with responses as token ids
policy.py         a causal language model in float64 as a function of its weights: values, gradients, directional derivatives
loss.py           a method's loss of a mini-batch, as gradients with respect to log-probs and entropies of tokens
step.py           one real step of SGD or AdamW, and what in it is linear in the gradient
estimates.py      the published estimates of the entropy change of a token
decomposition.py  the entropy change of a mini-batch by the tokens whose gradients made it
coupling.py       how much of a state's entropy change its own token made
agreement.py      correlation, sign and residual of an estimate against the exact change, with intervals over batches
rollout.py        a rollout batch: responses of the policy itself, and what a method is told of them
experiment.py     all of it on one rollout batch: the updates before, and the steps that are examined
tables.py         what was found on all rollout batches, as the tables that are written

A state is a prefix of a response: where the model chooses its next token. Every token of a response has one.
"""
