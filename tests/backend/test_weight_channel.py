"""The socket for weights: both ends of a session name the same one, and no other session does."""

import pytest
from verl.workers.rollout.vllm_rollout.utils import vLLMColocateWorkerExtension

from stages.backend.environment import SESSION, environment
from stages.backend.weight_channel import OwnChannel, own_channel
from stages.profile.params import load
from tests.project import ROOT


def received_at(monkeypatch, job: str) -> str:
    """Where the engine's end of verl's first job takes the weights."""
    monkeypatch.setenv("VERL_RAY_JOB_ID", job)
    engine = OwnChannel.__new__(OwnChannel)
    engine.model_runner, engine.local_rank = None, 0
    return engine._get_zmq_handle()


def test_two_sessions_on_one_machine_have_sockets_of_their_own(monkeypatch):
    """Both ask Ray for its job number, and Ray counts from one in each."""
    backend, found = load(ROOT / "profiles/smoke.yaml").backend, []
    for _ in range(2):
        monkeypatch.setenv(SESSION, environment(backend)[SESSION])
        address = received_at(monkeypatch, "01000000")
        assert own_channel("ipc:///tmp/rl-colocate-zmq-01000000-replica-0-rank-0.sock") == address
        assert len(address.removeprefix("ipc://")) < 100  # a socket's path has 107 characters at most
        found.append(address)
    assert found[0] != found[1]


def test_another_name_of_verls_is_an_error(monkeypatch):
    monkeypatch.setenv(SESSION, "0")
    monkeypatch.setattr(vLLMColocateWorkerExtension, "_get_zmq_handle", lambda self: "ipc:///tmp/weights.sock")
    with pytest.raises(ValueError, match="verl names the socket for weights in another way"):
        received_at(monkeypatch, "01000000")
