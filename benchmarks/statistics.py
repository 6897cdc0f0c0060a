"""Time and peak memory of the bootstrap at full size: `.venv/train/bin/python -m benchmarks.statistics`.

10,000 draws for 20 methods × 3 seeds × 7 benchmarks × 675 problems × 64 samples (bits drawn at random). Samples are
reduced first, to one share a problem and to one score a (seed, benchmark): whole problems and whole seeds are drawn,
not samples.
"""

import resource
import time

import numpy as np

from stages.statistics import bootstrap_iqm, bootstrap_means, percentile_interval

METHODS, SEEDS, BENCHMARKS, PROBLEMS, SAMPLES, DRAWS = 20, 3, 7, 675, 64, 10_000


def main() -> None:
    generator = np.random.default_rng(0)
    correct = generator.random((METHODS, SEEDS, BENCHMARKS, PROBLEMS, SAMPLES), dtype=np.float32) < 0.5
    start = time.perf_counter()
    shares = correct.mean(axis=-1)
    report("samples reduced to shares", start)
    start = time.perf_counter()
    seeds = bootstrap_means(shares.mean(axis=-1).swapaxes(1, 2), DRAWS, seed=0)
    percentile_interval(seeds)
    percentile_interval(bootstrap_iqm(shares.mean(axis=-1), DRAWS, seed=0))
    report("whole seeds: means and interquartile means", start)
    start = time.perf_counter()
    percentile_interval(bootstrap_means(shares.mean(axis=1), DRAWS, seed=0))
    report("whole problems", start)
    print(
        f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB, the samples' own included"
    )


def report(what: str, start: float) -> None:
    print(f"{what}: {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
