"""Cost of the report at the size of a full bench, on made-up results: seconds, peak memory, size and opening time.

    .venv/train/bin/python -m perf.report [--keep FOLDER]

20 methods × 3 seeds and the base model on 9 benchmarks (1,994 problems) × 32 samples, 200 training steps. The report
is built in a process of its own, whose peak memory is its own. Opening is timed in Chromium where there is one: until
the page has loaded and drawn what the window shows, and until all figures are drawn. Texts reach beyond the
report's cap, and no further: it stops reading there.
"""

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stages.common.command import run_stage
from stages.common.options import Options
from tests.browser import chromium, program
from tests.report_results import write_results

PROBLEMS = {
    "aime24": 30,
    "aime25": 30,
    "amc23_40": 40,
    "math500": 500,
    "minerva_math": 272,
    "olympiadbench_675": 675,
    "humaneval": 164,
    "lab_sum": 144,
    "lab_chain": 139,
}
METHODS = ("grpo", *(f"method_{number:02d}" for number in range(1, 20)))
SEEDS, K, STEPS, TEXTS = (1, 2, 3), 32, 200, 1500
BUILD = "from pathlib import Path; from stages.report import build_report; build_report(Path({!r}), 'bench')"


def main(arguments: list[str]) -> None:
    parser = Options("perf.report", __doc__)
    parser.add_argument("--keep", type=Path, help="write the results here and leave them")
    keep = parser.parse_args(arguments).keep
    folder = keep or Path(tempfile.mkdtemp())
    try:
        measure(folder)
    finally:
        if not keep:
            shutil.rmtree(folder)


def measure(folder: Path) -> None:
    write_results(folder, "bench", METHODS, SEEDS, PROBLEMS, (), K, STEPS, TEXTS)
    samples = sum(PROBLEMS.values()) * K * (len(METHODS) * len(SEEDS) + 1)
    print(f"{samples:,} samples of {len(METHODS) * len(SEEDS) + 1} models")
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", BUILD.format(str(folder))], check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall, processor = time.perf_counter() - started, used.ru_utime + used.ru_stime
    print(f"built in {wall:.1f} s, {processor:.1f} s of processor time")  # on a busy machine they differ
    print(f"peak memory {used.ru_maxrss / 2**20:.2f} GiB")  # Linux counts in KiB
    report = folder / "bench" / "report"
    print(f"page {(report / 'index.html').stat().st_size / 2**20:.2f} MiB")
    for part in ("samples", "figures", "tables"):
        size = sum(file.stat().st_size for file in (report / part).rglob("*") if file.is_file())
        print(f"{part}/ {size / 2**20:.1f} MiB")
    if program() is None:
        print("not opened: no Chromium on PATH")
        return
    with tempfile.TemporaryDirectory() as profile, chromium(Path(profile)) as tab:
        tab.open(report / "index.html", 1400, 1000)
        entry = "performance.getEntriesByType('navigation')[0]"
        print(f"loaded after {tab.evaluate(f'{entry}.loadEventEnd') / 1000:.2f} s")
        for mark, words in (("first", "what the window shows first"), ("all", "all figures")):
            at = tab.evaluate(f"performance.getEntriesByName('drawn-{mark}')[0].startTime")
            print(f"{words} drawn after {at / 1000:.2f} s")


if __name__ == "__main__":
    run_stage(main)
