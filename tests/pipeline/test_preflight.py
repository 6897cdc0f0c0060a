"""What `make preflight` says of machines: one that has all, each lack by itself, and this one."""

import pytest

from stages.profile.params import load
from stages.tools.estimation.disk import disk
from stages.tools.estimation.hours import parameters_of
from stages.tools.gpus import GIB, Gpu, look_at_gpus, read_gpus
from stages.tools.preflight import Machine, checks, hub, main
from tests.project import ROOT

PARAMS = load(ROOT / "profiles/qwen2.5-math-7b-dapo.yaml")
NODE = Machine(
    driver="580.65.06",
    gpus=[Gpu("NVIDIA H100 80GB HBM3", 80 * GIB, GIB)] * 8,
    compiler="/usr/bin/gcc",
    headers=True,
    cores=96,
    memory=1000 * GIB,
    shared_memory=300 * GIB,
    free_disk=10**13,
    ray=[],
    sources=[],
    unreachable=[],
)


def missing(machine: Machine, params=PARAMS) -> dict[str, str]:
    return {check.name: check.line() for check in checks(machine, params) if check.fix}


def test_a_node_that_has_all_lacks_nothing():
    assert missing(NODE) == {}


LACKS = {
    "driver": [({"driver": "575.57.08"}, "580"), ({"driver": None}, "580")],
    "GPUs": [({"gpus": NODE.gpus[:7]}, "asks for 8")],
    "memory of GPUs": [({"gpus": [Gpu("T4", 13 * GIB, 0)] * 8}, "13 on each")],
    "free memory of GPUs": [
        ({"gpus": [*NODE.gpus[:7], Gpu("H100", 80 * GIB, 40 * GIB)]}, "engine_memory_share is 0.6")
    ],
    "compiler": [({"compiler": None}, "gcc")],
    "Python's headers": [({"headers": False}, "python3.11-dev")],
    "cores": [({"cores": 7}, "8 actors")],
    "/dev/shm": [({"shared_memory": GIB // 16}, "300 GiB")],
    "disk": [({"free_disk": 10**12}, "free some")],
    "other Ray processes": [({"ray": [4711]}, "4711; they may hold GPUs")],
    "data sets": [({"sources": ["aime24"], "unreachable": ["https://a/b"]}, "https://a/b: name a mirror")],
    "model": [({"unreachable": [hub(PARAMS)]}, "source folder")],
}


@pytest.mark.parametrize("name, change, said", [(name, *case) for name, cases in LACKS.items() for case in cases])
def test_each_lack_is_named_with_its_fix(name, change, said):
    found = missing(NODE._replace(**change))
    assert list(found) == [name] and said in found[name]


def test_every_check_has_a_lack_that_it_finds():
    assert {check.name for check in checks(NODE, PARAMS)} == set(LACKS)


def test_more_gpus_than_asked_for_may_be_in_use():
    busy = Gpu("H100", 80 * GIB, 79 * GIB)
    assert missing(NODE._replace(gpus=[*NODE.gpus, busy])) == {}


def test_data_sets_to_be_fetched_are_no_lack_where_the_network_is():
    assert missing(NODE._replace(sources=["aime24"])) == {}


def test_a_profile_for_a_cpu_asks_for_no_gpu():
    none = NODE._replace(driver=None, gpus=[], compiler=None, headers=False)
    assert missing(none, load(ROOT / "profiles/smoke.yaml")) == {}


def test_the_disk_is_that_of_the_estimate():
    needed = int(disk(PARAMS, parameters_of(PARAMS.model)).total * 1e9)
    assert [list(missing(NODE._replace(free_disk=needed + more))) for more in (10**6, -(10**6))] == [[], ["disk"]]


def test_the_lines_of_nvidia_smi():
    said = "580.65.06, NVIDIA H100 80GB HBM3, 81559, 4\n580.65.06, NVIDIA H100 80GB HBM3, 81559, 1024\n"
    driver, gpus = read_gpus(said)
    assert driver == "580.65.06" and [gpu.used for gpu in gpus] == [4 << 20, GIB]
    assert {(gpu.name, gpu.total) for gpu in gpus} == {("NVIDIA H100 80GB HBM3", 81559 << 20)}
    assert read_gpus("") == (None, [])


def test_this_machine(monkeypatch, capsys, tmp_path):
    """The real command: it looks at this machine, and says so of one without GPUs."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("MIRROR", str(tmp_path))
    ended = 0
    try:
        main(["profiles/qwen2.5-math-7b-dapo.yaml"])
    except SystemExit as error:
        ended = error.code
    lines = dict(line.split(maxsplit=1)[::-1] for line in capsys.readouterr().out.splitlines())
    found = {words.partition(":")[0]: state for words, state in lines.items()}
    assert found.keys() == LACKS.keys() - (
        {"memory of GPUs", "free memory of GPUs"} if not look_at_gpus()[1] else set()
    )
    assert ended == 1 and found["model"] == "MISSING"  # nothing answers at that address
