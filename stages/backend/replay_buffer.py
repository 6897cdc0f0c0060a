"""verl's replay buffer with dynamic sampling in waves, so that what is trained on does not depend on timing.

verl asks for new groups as soon as others end, and trains on those that end first: two runs with the same seed differ.
Here a wave is one batch of prompts. When all of its groups have ended, those whose responses all have the same reward are
dropped; then come further waves, until enough groups are left. The first of these in the order of the data set are
trained on (DAPO, arXiv 2503.14476 §3.2: "keep sampling until the batch is fully filled").
"""

from typing import Any

from transfer_queue import KVBatchMeta
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

MOST_WAVES = 10  # max_num_gen_batches of verl's DAPO recipe


class WaveReplayBuffer(ReplayBuffer):
    """`resample` switches dynamic sampling on; `dropped` counts the groups of this step that are not trained on."""

    resample = False
    dropped = 0

    def sample(
        self, global_steps: int, partition_id: str, batch_size: int
    ) -> tuple[KVBatchMeta | None, dict[str, Any]]:
        """The step's `batch_size` groups, and verl's metrics of them.

        RuntimeError where MOST_WAVES waves do not give enough, or a prompt got no response.
        """
        self.filter_groups_metric = "reward" if self.resample else None  # of rm_scores: right or wrong
        if not self.resample:
            return super().sample(global_steps, partition_id, batch_size)
        self.dropped = 0
        for _ in range(MOST_WAVES):
            self._wait_for_all(partition_id)
            uniform, _ = self._dapo_filtered_keys(partition_id)
            self._clear_groups(partition_id, uniform)
            self.dropped += len(uniform)
            usable = sorted(self.finished_keys[partition_id])
            if len(usable) >= batch_size:
                self._clear_groups(partition_id, set(usable[batch_size:]))
                self.dropped += len(usable) - batch_size
                chosen = usable[:batch_size]
                return self._materialize_batch(partition_id, chosen, dict(self.partitions[partition_id])), {}
            self.refill_fn(batch_size)
        raise RuntimeError(
            f"dynamic sampling: after {MOST_WAVES} batches of {batch_size} prompts only {len(usable)} groups have both "
            "right and wrong responses; take easier or harder problems, or more responses a prompt"
        )

    def _wait_for_all(self, partition_id: str) -> None:
        waited = 0.0
        self._sync_metadata_from_transfer_queue()
        while self.pending_keys[partition_id] or self.running_keys[partition_id]:
            waited = self._wait_for_next_poll(partition_id, waited)
            self._sync_metadata_from_transfer_queue()
        if failed := self.failure_keys[partition_id]:
            raise RuntimeError(f"no response to {len(failed)} prompts; an error above says why")
