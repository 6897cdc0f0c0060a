"""Stage subset: parts of the training sets, into `results/<profile>/subsets/`.

    python -m stages.subset <profile>

Each subset that `data.subsets` declares becomes `<name>.parquet`, in verl's format and in its set's order, and an entry
of `manifest.json`: of which set, chosen how, and how many prompts that gave. Clusters are those of the base model.
"""

from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet

from stages.common.command import expect, run_stage
from stages.common.files import InputError, output_folder, read_json, sha256, write_json
from stages.datasets.subsets import at_random, largest_clusters
from stages.profile.plans.subset import SubsetPlan
from stages.profile.sections.subset import Subset


def main(arguments: list[str]) -> None:
    expect(arguments, "stages.subset <profile>")
    (profile,) = arguments
    results = Path("results") / profile
    plan = SubsetPlan.read(results / "plan" / "subset.json")
    write_subsets(plan, results / "data" / "train", results / "model", results / "subsets")


def write_subsets(plan: SubsetPlan, data: Path, model: Path, output: Path) -> None:
    """`data` holds the training sets, `model` is an HF folder whose embeddings of the prompts are clustered."""
    labels: dict[tuple[str, int], np.ndarray] = {}  # subsets of one clustering share it
    with output_folder(output, check_subsets) as folder:
        manifest = {}
        for name, subset in plan.subsets.items():
            table = pyarrow.parquet.read_table(data / f"{subset.of}.parquet")
            if subset.by == "random":
                positions = random_positions(name, subset, table.num_rows, plan.bench_seed)
            else:
                key = (subset.of, subset.clusters)
                if key not in labels:
                    labels[key] = cluster_labels(name, subset, table, model, plan)
                positions = largest_clusters(labels[key], subset.largest)
            path = folder / f"{name}.parquet"
            pyarrow.parquet.write_table(
                table.take(positions), path, version="2.6", compression="zstd", compression_level=3
            )
            chosen = {field: value for field, value in subset if value}
            manifest[name] = {**chosen, "rows_in": table.num_rows, "rows_out": len(positions), "sha256": sha256(path)}
            print(f"subset {name}: {len(positions)} of {table.num_rows} prompts")
        write_json(folder / "manifest.json", manifest)


def check_subsets(folder: Path) -> None:
    """InputError unless each subset of the manifest is there with its sha256."""
    for name, entry in read_json(folder / "manifest.json").items():
        if sha256(folder / f"{name}.parquet") != entry["sha256"]:
            raise InputError(f"{folder / name}.parquet is not the file that manifest.json names; run again")


def random_positions(name: str, subset: Subset, count: int, bench_seed: int) -> list[int]:
    if subset.prompts > count:
        raise InputError(f"data.subsets.{name}.prompts: {subset.of} has {count} prompts; take at most these")
    return at_random(count, subset.prompts, f"{bench_seed}:subset:{name}")


def cluster_labels(name: str, subset: Subset, table: pyarrow.Table, model: Path, plan: SubsetPlan) -> np.ndarray:
    from stages.datasets.embeddings import cluster, embed  # torch and transformers take seconds that no one else needs

    if subset.clusters > table.num_rows:
        raise InputError(f"data.subsets.{name}.clusters: {subset.of} has {table.num_rows} prompts; take at most these")
    prompts = [messages[-1]["content"] for messages in table["prompt"].to_pylist()]
    device = "cuda" if plan.platform == "cuda" else "cpu"
    vectors = embed(prompts, model, plan.dtype, device, plan.threads)
    return cluster(vectors, subset.clusters, plan.bench_seed)


if __name__ == "__main__":
    run_stage(main)
