"""What a profile asks for before anything is started: runs, steps, tokens, disk, an estimate of GPU hours and of dollars, and
which published numbers it can get a verdict on.

    python -m stages.tools.estimate [profile]                              params.yaml unless another is named
    python -m stages.tools.estimate <profile> --dollars-per-gpu-hour 2.5 --budget 500          and what that sum buys
    python -m stages.tools.estimate --help                                 lists the assumptions

Every number but the hours follows from the profile. Those are an estimate from counted operations, with assumed constants that are
printed beside it and can be given as options. Where steps of the profile have run, `--measured` takes their time in place of these;
`--measured work/preflight/<profile>.json` takes what `make preflight OPTIONS=--step` has measured, of sampling too.
"""

import argparse
from pathlib import Path

from stages.common.command import run_stage
from stages.common.files import InputError
from stages.common.options import Options
from stages.profile.params import load
from stages.tools.estimation.budget import describe_offers
from stages.tools.estimation.hours import Assumptions, parameters_of, sampling_as_measured
from stages.tools.estimation.measured import seconds_a_step
from stages.tools.estimation.text import describe
from stages.tools.estimation.throughput import Throughput
from stages.tools.foreseen_verdicts import foreseen_verdicts

SHARES = {
    "training_utilisation": "share of the peak that is reached",
    "sampling_utilisation": "share of the peak that is reached",
    "length_share": "mean tokens of a prompt with its response, as a share of the longest allowed",
}


def main(arguments: list[str]) -> None:
    options = parse(arguments)
    params = load(options.profile)
    throughput = Throughput.read(options.measured, params.profile) if isinstance(options.measured, Path) else None
    measured = {}
    if options.measured:
        share = options.length_share
        measured = throughput.seconds_a_step(params, share) if throughput else seconds_a_step(params)
        if not measured and not throughput:
            raise InputError(
                f"--measured: no step of {params.profile} has run here; leave it out, or train a few steps"
            )
    parameters, rate = options.parameters or parameters_of(params.model), options.dollars_per_gpu_hour
    shares = (getattr(options, name) for name in SHARES)
    assumed = Assumptions(parameters, options.peak, *shares) if parameters else None
    if throughput:
        print(throughput.describe(options.measured), end="\n\n")
        assumed = assumed and sampling_as_measured(assumed, throughput.sampled)
    sampled = throughput.sampled if throughput else None
    print(describe(params, assumed, rate, measured, sampled, options.length_share))
    print("", *foreseen_verdicts(params), sep="\n")
    if options.budget is not None:
        if assumed is None or params.backend.platform == "cpu":
            raise InputError("--budget: no GPU hours are estimated for this profile, as is said above; leave it out")
        print("", describe_offers(params, assumed, rate, options.budget, measured), sep="\n")


def parse(arguments: list[str]) -> argparse.Namespace:
    defaults = Assumptions._field_defaults
    parser = Options("stages.tools.estimate", "What a profile asks for; starts nothing")
    parser.add_profile()
    parser.add_argument("--parameters", type=float, help="of the model; default: the size in its name")
    parser.add_argument("--peak", type=float, default=defaults["peak"], help="TFLOP/s of one GPU")
    for name, meaning in SHARES.items():
        words = f"{meaning}, default {defaults[name]}"
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=defaults[name], help=words)
    words = (
        "hours of training from the steps that have run here; with FILE, of all from what a preflight's step measured"
    )
    parser.add_argument("--measured", nargs="?", type=Path, const=True, metavar="FILE", help=words)
    parser.add_argument("--dollars-per-gpu-hour", type=float, help="what an hour of one GPU costs")
    parser.add_argument("--budget", type=float, help="dollars, for which seeds and benchmarks are proposed")
    options = parser.parse_args(arguments)
    for name in ("parameters", "peak", "dollars_per_gpu_hour", "budget"):
        value = getattr(options, name)
        if value is not None and not value > 0:
            raise InputError(f"--{name.replace('_', '-')}: {value:g} is not above 0; give a positive number")
    for name in SHARES:
        if not 0 < getattr(options, name) <= 1:
            raise InputError(f"--{name.replace('_', '-')}: {getattr(options, name):g} is no share; give one in (0, 1]")
    if options.budget is not None and options.dollars_per_gpu_hour is None:
        raise InputError("--budget: needs --dollars-per-gpu-hour, such as 2.5")
    if options.measured is True and options.length_share != 1:
        raise InputError(
            "--length-share: the steps that have run had their own lengths; leave it out, or give --measured FILE"
        )
    return options


if __name__ == "__main__":
    run_stage(main)
