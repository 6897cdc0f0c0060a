"""Tables of where results come from: data files, contamination, seeds and weights, versions."""

from stages.reporting.inputs.results import Results
from stages.reporting.sections.blocks import Group, Table
from stages.reporting.sections.numbers import MISSING


def data_tables(results: Results) -> list[Table]:
    """Every data file with what was dropped and why; then which evaluation problems stand in the training data."""
    rows = []
    for path, entry in results.data.items():
        dropped = ", ".join(f"{reason} {count:,}" for reason, count in entry.dropped.items())
        mended = ", ".join(f"{reason} {count:,}" for reason, count in entry.mended.items())
        numbers = [f"{entry.rows_in:,}", f"{entry.rows_out:,}"]
        rows.append([path, entry.source, dropped or "none", mended or "none", entry.sha256[:12], *numbers])
    header = ["file", "source", "dropped", "mended", "sha256", "rows in", "rows kept"]
    files = Table("data", "Data files, as their manifest records them", header, [("", rows)], words=5, folded=True)
    found = {path: entry.found for path, entry in results.data.items() if entry.found}
    if not found:
        return [files]
    kinds = list(dict.fromkeys(kind for sets in found.values() for counts in sets.values() for kind in counts))
    groups: list[Group] = [
        (path, [[name, *(f"{counts[kind]:,}" if kind in counts else MISSING for kind in kinds)] for name, counts in sets.items()])
        for path, sets in found.items()
    ]  # fmt: skip
    caption = "Evaluation problems found in the training data, counted before any were dropped, by how they were found"
    return [files, Table("contamination", caption, ["benchmark", *(kind.replace("_", " ") for kind in kinds)], groups)]


def runs_table(results: Results) -> Table:
    """Each run's seed as declared and as every generator was given it, and the weights that were sampled."""
    rows = []
    for run in results.runs:
        weights = results.sampled[run.name].model_sha256[:12]
        declared = MISSING if run.seed is None else str(run.seed)
        trained = results.trained.get(run.name)
        facts = [trained.seed, trained.prompts, trained.prompts_too_long] if trained else [MISSING] * 3
        rows.append([run.name, weights, declared, *map(str, facts)])
    header = ["run", "weights (sha256)", "declared seed", "seed of all generators", "prompts", "prompts too long"]
    return Table("runs", "Runs, seeds, weights and training prompts", header, [("", rows)], words=2, folded=True)


def versions_table(results: Results) -> Table:
    stages = ("train", "sample")
    recorded = {stage: [found for (_, name), found in results.packages.items() if name == stage] for stage in stages}
    packages = sorted({package for found in results.packages.values() for package in found}, key=str.casefold)

    def versions(package: str, stage: str) -> str:
        return " / ".join(sorted({found[package] for found in recorded[stage] if package in found})) or MISSING

    rows = [[package, *(versions(package, stage) for stage in stages), MISSING] for package in packages]
    graders: dict[tuple[str, str], dict[str, None]] = {}
    for (_, benchmark), graded in results.grades.items():
        graders.setdefault((graded.score.grader, graded.score.grader_version), {})[benchmark] = None
    rows += [
        [f"grader {name}", MISSING, MISSING, f"{version} ({', '.join(benchmarks)})"]
        for (name, version), benchmarks in graders.items()
    ]
    caption = "Versions, as each stage recorded them beside its results"
    return Table("versions", caption, ["package", "train", "sample", "grade"], [("", rows)], words=4, folded=True)
