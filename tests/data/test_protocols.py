"""Protocols: what is shipped is complete and says what is unknown; two of them are compared without any score."""

import pytest
from pydantic import TypeAdapter, ValidationError

from stages.benchmarks import find
from stages.common.files import InputError
from stages.common.yaml_reader import safe_load
from stages.graders.registry import GRADERS
from stages.profile.effective_protocol import effective_protocol, overrides
from stages.profile.params import Params, load
from stages.protocols.differences import Difference, differences
from stages.protocols.effective import EffectiveProtocol
from stages.protocols.record import load_protocols
from stages.text.prompts import PROMPTS, prompt_of
from tests.project import ROOT

PROTOCOLS = load_protocols(ROOT / "data/protocols")
SMOKE = safe_load((ROOT / "profiles/smoke.yaml").read_text())


def with_evaluation(seeds=(1,), **evaluation) -> Params:
    return Params.model_validate({**SMOKE, "seeds": list(seeds), "evaluation": {"concurrency": 1, **evaluation}})


def fields(found: list[Difference]) -> dict[str, tuple[str, str, bool]]:
    return {each.field: (each.ours, each.theirs, each.known) for each in found}


def effective(params: Params) -> EffectiveProtocol:
    return effective_protocol(params.evaluation, params.data.prompt, len(params.seeds))


def overridden(params: Params) -> dict[str, tuple[str, str, bool]]:
    return fields(overrides(params.evaluation, effective(params)))


def test_the_promised_protocols_are_shipped_and_every_value_has_a_comment_or_is_ours():
    assert set(PROTOCOLS) == {
        "bench", "laboratory", "steer-2510.10150", "par-2511.05993", "flexible-2602.09782", "dapo-2503.14476",
        "entropy-mechanism-2505.22617", "sober-reasoning-2504.07086",
    }  # fmt: skip
    for path in (ROOT / "data/protocols").glob("*-2*.yaml"):
        for line in path.read_text().splitlines():
            field, _, value = line.partition(":")
            sourced = {"temperature", "top_p", "max_tokens", "checkpoint", "aggregation"}
            if field in sourced and value.split("#")[0].strip() != "unknown":
                assert "#" in value, f"{path.name}: {line}"


@pytest.mark.parametrize("name", ["bench", "laboratory"])
def test_our_own_protocols_leave_nothing_open(name):
    ours = PROTOCOLS[name]
    values = [getattr(ours, field) for field in type(ours).model_fields]
    assert "unknown" not in [*values, *ours.samples.values()]
    assert {ours.grader_of(key) for key in ours.samples} <= set(GRADERS)
    assert {ours.prompt_of(key) for key in ours.samples} <= set(PROMPTS)
    assert ours.samples == {key: find(key).samples for key in ours.samples}  # said twice, so that both are complete


def test_a_protocol_does_not_differ_from_itself_unless_it_is_unknown():
    for name, protocol in PROTOCOLS.items():
        found = differences(protocol, protocol, None)
        assert all(not difference.known and difference.ours == "unknown" for difference in found)
        assert (found == []) == (name in ("bench", "laboratory"))


def test_what_the_bench_and_dapo_differ_in():
    found = fields(differences(PROTOCOLS["bench"], PROTOCOLS["dapo-2503.14476"], "aime24"))
    assert found == {
        "train_prompt": ("boxed", "dapo_answer", True),
        "prompt": ("boxed", "dapo_answer", True),
        "top_p": ("1.0", "0.7", True),
        "max_tokens": ("3072", "20480", True),
        "grader": ("math_verify", "math_dapo", True),
        "checkpoint": ("last", "unknown", False),
        "aggregation": ("mean of 3 runs", "unknown", False),
    }


def test_a_difference_is_read_back_from_json_and_nothing_else_is():
    schema = TypeAdapter(list[Difference])
    found = differences(PROTOCOLS["bench"], PROTOCOLS["dapo-2503.14476"], None)
    assert schema.validate_json(schema.dump_json(found)) == found and len(set(found)) == len(found)
    for wrong in ('{"field": "top_p", "ours": "1.0"}', '{"field": "top_p", "ours": 1.0, "theirs": "0.7"}'):
        with pytest.raises(ValidationError):
            schema.validate_json(f"[{wrong}]")


def test_a_variant_is_told_from_the_benchmark_that_is_called_the_same():
    bench = PROTOCOLS["bench"]

    def variant(key: str, paper: str):
        return fields(differences(bench, PROTOCOLS[paper], key)).get("benchmark variant")

    assert variant("amc_83", "steer-2510.10150") == ("amc_83", "amc23_40", True)
    assert variant("amc23_40", "steer-2510.10150") is None
    assert variant("amc23_40", "flexible-2602.09782") == ("amc23_40", "unknown", False)
    assert variant("amc_83", "flexible-2602.09782") == ("amc_83", "unknown", False)
    assert variant("gsm8k", "steer-2510.10150") == ("gsm8k", "not evaluated", True)
    assert "samples" not in fields(differences(bench, PROTOCOLS["steer-2510.10150"], "gsm8k"))


def test_fields_of_some_benchmarks_name_them():
    found = fields(differences(PROTOCOLS["bench"], PROTOCOLS["steer-2510.10150"], None))
    assert found["samples (math500, minerva_math, olympiadbench_675)"] == ("4", "1", True)
    assert found["prompt (aime24, aime25, amc23_40, amc_83)"] == ("boxed", "dapo_answer", True)
    assert found["prompt (math500, minerva_math, olympiadbench_675)"] == ("boxed", "plain", True)


def test_a_profile_that_sets_nothing_overrides_nothing():
    params = load(ROOT / "profiles/smoke.yaml")
    assert overridden(params) == {}
    force = effective(params)
    assert force.graders == {"lab_sum": "math_verify", "lab_chain": "exact_box", "lab_code": "sandbox"}


def test_every_setting_that_is_not_the_protocols_is_an_override():
    params = with_evaluation(
        protocol="laboratory", benchmarks=["lab_sum", "lab_chain"], samples={"lab_sum": 2}, prompt="boxed",
        temperature=0.5, top_p=0.9, top_k=5, max_tokens=9, graders={"lab_chain": "math_verify"}, seeds=(1, 2),
    )  # fmt: skip
    assert overridden(params) == {
        "prompt": ("boxed", "plain", True),
        "temperature": ("0.5", "1.0", True),
        "top_p": ("0.9", "1.0", True),
        "top_k": ("5", "-1", True),
        "max_tokens": ("9", "56", True),
        "samples (lab_sum)": ("2", "8", True),
        "grader (lab_chain)": ("math_verify", "exact_box", True),
        "aggregation": ("mean of 2 runs", "mean of 3 runs", True),
    }


def test_published_evaluation_after_another_training_prompt_is_replayed_and_shown():
    """STEER asks AIME for "Answer:" after training that asks for a boxed answer: another training prompt is an override."""
    setting = {"protocol": "steer-2510.10150", "benchmarks": ["aime24", "math500"], "grader": "math_verify"}
    replayed = with_evaluation(seeds=(1, 2), **setting)
    assert effective(replayed).prompts == {"aime24": "dapo_answer", "math500": "plain"}
    found = overridden(replayed)
    assert found.pop("train_prompt") == ("plain", "steer_boxed_answer", True)
    assert found.pop("grader") == ("math_verify", "steer_box_or_qwen_math", True)
    assert found == {"checkpoint": ("last", "best on aime24", True)}
    del setting["grader"]
    assert "grader" not in overridden(with_evaluation(seeds=(1, 2), **setting))
    asked_otherwise = overridden(with_evaluation(prompt="boxed", **setting))
    assert asked_otherwise["prompt (aime24)"] == ("boxed", "dapo_answer", True)


def test_unknown_fields_are_asked_for_until_all_are_given_and_stay_overrides():
    given = {}
    for field, value in (("top_k", -1), ("max_tokens", 4096), ("prompt", "boxed"), ("grader", "math_verify")):
        with pytest.raises(
            InputError, match=f"evaluation.{'graders.aime24' if field == 'grader' else field}: protocol par"
        ):
            with_evaluation(protocol="par-2511.05993", benchmarks=["aime24"], **given)
        given[field] = value
    params = with_evaluation(protocol="par-2511.05993", benchmarks=["aime24"], **given)
    found = overridden(params)
    assert all(found[field] == (str(value), "unknown", False) for field, value in given.items())
    assert found["train_prompt"] == ("plain", "unknown", False)


def test_k_that_nobody_published_is_asked_for():
    given = {"temperature": 0.6, "top_p": 1.0, "top_k": -1, "prompt": "boxed", "grader": "math_verify"}
    with pytest.raises(InputError, match="evaluation.samples.aime24: protocol entropy-mechanism"):
        with_evaluation(protocol="entropy-mechanism-2505.22617", benchmarks=["aime24"], **given)


@pytest.mark.parametrize("temperature", [0.0, 9e-6])
def test_one_sample_many_times_is_refused(temperature):
    setting = {"protocol": "laboratory", "benchmarks": ["lab_sum", "lab_chain"], "temperature": temperature}
    with pytest.raises(InputError, match=r"evaluation\.samples\.lab_chain: 8 samples at temperature .* give 1, or"):
        with_evaluation(samples={"lab_sum": 1}, **setting)
    once = with_evaluation(samples={"lab_sum": 1, "lab_chain": 1}, **setting)
    assert effective(once).samples == {"lab_sum": 1, "lab_chain": 1}


def test_code_is_judged_by_its_tests_under_every_protocol():
    params = with_evaluation(protocol="dapo-2503.14476", benchmarks=["humaneval"], grader="exact_box")
    force = effective(params)
    assert (force.graders, force.prompts, force.samples) == (
        {"humaneval": "sandbox"}, {"humaneval": "plain"}, {"humaneval": 8},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("top_k: -1\n", "", "laboratory.yaml: top_k is missing"),
        ("top_k: -1", "topk: -1", "laboratory.yaml: "),
        ("prompt: plain\n", "prompt: plan\n", "laboratory.yaml: prompt: .*'plan' is no prompt template"),
        ("lab_sum: 8", "lab_sums: 8", "laboratory.yaml: samples.lab_sums.*is no benchmark"),
        ("lab_sum: 8", "lab_sum: none", "laboratory.yaml: samples.lab_sum"),
        (
            "grader: benchmark",
            "grader: benchmark\ngraders: {aime24: exact_box}",
            "laboratory.yaml: aime24 is not in samples",
        ),
        ("name: laboratory", "name: lab", "laboratory.yaml: name is 'lab'"),
        ("name:", "- name:", "laboratory.yaml is not YAML"),
    ],
)
def test_a_wrong_record_is_named_by_file_and_field(tmp_path, old, new, message):
    text = (ROOT / "data/protocols/laboratory.yaml").read_text()
    lines = text.split("\n", 1)[1]  # the first line is a comment
    assert old in lines
    (tmp_path / "laboratory.yaml").write_text(
        lines.replace("train_prompt: plain", "train_prompt:  plain").replace(old, new, 1)
    )
    with pytest.raises(InputError, match=message) as caught:
        load_protocols(tmp_path)
    assert "\n" not in str(caught.value)


def test_templates_wrap_the_problem_and_leave_its_braces_alone():
    problem = r"Find $\{x\}$ in {a}."
    for template in PROMPTS:
        assert problem in prompt_of(template, problem)
        assert "{{" not in prompt_of(template, problem) and "{problem}" not in prompt_of(template, problem)
    assert "\\boxed{Answer}" in prompt_of("steer_boxed_answer", problem)
