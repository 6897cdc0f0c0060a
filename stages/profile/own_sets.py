"""What a profile's own files mean for its evaluation and for the plan of stage prepare."""

from stages.benchmarks import OWN
from stages.datasets.own import read_own
from stages.graders.registry import GRADERS
from stages.profile.sections.data import Data
from stages.profile.sections.evaluation import Evaluation
from stages.profile.sections.own import OF_OTHER_ANSWERS, OwnSet
from stages.text.prompts import PROMPTS


def with_own_benchmarks(evaluation: Evaluation, own: dict[str, OwnSet]) -> Evaluation:
    """`evaluation` with the benchmarks of `own`; what it says of them itself wins. ValueError for one that is not declared."""
    named = [*evaluation.benchmarks, *evaluation.samples, *evaluation.graders, *evaluation.prompts]
    for name in named:
        if name.startswith(OWN) and (name not in own or own[name].k is None):
            raise ValueError(
                f"data.own.{name}: missing, or without k, but evaluation names it; declare its file, licence, k"
            )
    chosen = {name: one for name, one in own.items() if one.k is not None}
    graders = [name for name in GRADERS if name not in OF_OTHER_ANSWERS]
    for name, one in chosen.items():
        if one.grader not in graders:
            raise ValueError(
                f"data.own.{name}.grader: {one.grader!r} is no grader of short answers; give one of {', '.join(graders)}"
            )
        if one.prompt is not None and one.prompt not in PROMPTS:
            raise ValueError(f"data.own.{name}.prompt: {one.prompt!r} is no template; known are {', '.join(PROMPTS)}")
    listed = [*evaluation.benchmarks, *(name for name in chosen if name not in evaluation.benchmarks)]
    return evaluation.model_copy(
        update={
            "benchmarks": listed if evaluation.benchmarks else [],
            "samples": {name: one.k for name, one in chosen.items()} | evaluation.samples,
            "graders": {name: one.grader for name, one in chosen.items()} | evaluation.graders,
            "prompts": {name: one.prompt for name, one in chosen.items() if one.prompt} | evaluation.prompts,
        }
    )


def pinned(data: Data) -> dict[str, OwnSet]:
    """Name -> its entry with the sha256 of the file as it is; InputError where the file is not what the profile says."""
    return {
        name: one.model_copy(update={"sha256": read_own(name, one.file, one.sha256).sha256})
        for name, one in data.own.items()
    }
