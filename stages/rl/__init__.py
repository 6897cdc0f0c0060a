"""Reinforcement learning in torch, without verl: what a method is, and the arithmetic that methods share.

method            the base class of all methods, and the hooks at which they differ
settings          what a method can be set to
sources           how well a method is sourced, and how much of its paper is here
batch             what a method is given: `Responses` before the update, `Update` inside it
advantages        baselines and normalisations of rewards
ratio             clipping of π/π_old, and the KL estimate k3
selection         which tokens a method singles out
aggregation       token losses -> the loss of a mini-batch
logits            functions of whole next-token distributions
batch_statistics  what a method wants to know of a whole batch before its loss
combination       methods made of others
controls          a method with its criterion taken away and its strength kept
catalogue         methods as rows of a table

A method's file imports the package (`from stages import rl`) for the names below, and arithmetic from its module.
"""

from stages.rl.batch import Responses, State, TrainingStep, Update
from stages.rl.method import Method, Reference
from stages.rl.settings import BatchStatistics, BatchStatisticsSettings, Rollout, Settings, needs_token_mean, read_where
from stages.rl.sources import Sources

__all__ = [
    "BatchStatistics",
    "BatchStatisticsSettings",
    "Method",
    "Reference",
    "Responses",
    "Rollout",
    "Settings",
    "Sources",
    "State",
    "TrainingStep",
    "Update",
    "needs_token_mean",
    "read_where",
]
