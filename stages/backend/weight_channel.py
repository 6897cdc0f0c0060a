"""The engine's end of what it shares with the trainer: the socket for the weights, a socket of the session's own, and the
precision of the head.

verl names the socket by Ray's job number, which is the same in every Ray that somebody starts, so that of two sessions on
one machine both wait for weights that the other one got. verl's names get the session's beside that number.
"""

import os
from typing import Any

from verl.workers.rollout.vllm_rollout.utils import vLLMColocateWorkerExtension

from stages.backend.environment import SESSION
from stages.backend.head import compute_engine_head_in_float32

NAMED = "rl-colocate-zmq-"


def own_channel(handle: str) -> str:
    """verl's address of the socket, with the name of the session that this process belongs to."""
    before, named, after = handle.partition(NAMED)
    if not named:
        raise ValueError(f"{handle}: verl names the socket for weights in another way; see {__name__}")
    return f"{before}{named}{os.environ[SESSION]}-{after}"


class OwnChannel(vLLMColocateWorkerExtension):
    """The receiving end, a part of vLLM's worker."""

    def update_weights_from_ipc(self, *args: Any, **kwargs: Any) -> None:
        compute_engine_head_in_float32(self.model_runner.model)  # the worker's
        super().update_weights_from_ipc(*args, **kwargs)

    def _get_zmq_handle(self) -> str:
        return own_channel(super()._get_zmq_handle())
