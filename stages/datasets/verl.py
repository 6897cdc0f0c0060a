"""A training set in verl's format: one parquet row a prompt."""

from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from stages.text.prompts import prompt_of

MESSAGE = pyarrow.struct({"role": pyarrow.string(), "content": pyarrow.string()})
# verl's columns (verl/utils/dataset/rl_dataset.py); the reward reads data_source and reward_model.
SCHEMA = pyarrow.schema(
    {
        "data_source": pyarrow.string(),
        "prompt": pyarrow.list_(MESSAGE),
        "ability": pyarrow.string(),
        "reward_model": pyarrow.struct({"style": pyarrow.string(), "ground_truth": pyarrow.string()}),
        "extra_info": pyarrow.struct(
            {
                "id": pyarrow.string(),
                "index": pyarrow.int64(),
                "split": pyarrow.string(),
                "level": pyarrow.int64(),
                "source": pyarrow.string(),
            }
        ),
    }
)


def verl_row(index: int, line: dict[str, Any], template: str) -> dict[str, Any]:
    """`template` is a key of stages.text.prompts.PROMPTS; a line that already says how to answer goes without."""
    family = line.get("family")
    content = line["problem"] if line.get("asks_itself") else prompt_of(template, line["problem"])
    return {
        "data_source": f"lab_{family}" if family else line["source"],
        "prompt": [{"role": "user", "content": content}],
        "ability": "code" if family == "code" else "math",
        "reward_model": {"style": "rule", "ground_truth": line["answer"]},
        "extra_info": {
            "id": line["id"],
            "index": index,
            "split": "train",
            "level": line.get("level"),
            "source": line["source"],
        },
    }


def contents(path: Path) -> list[str]:
    """The user's message of each row of the file."""
    return [row["prompt"][0]["content"] for row in pyarrow.parquet.read_table(path, columns=["prompt"]).to_pylist()]


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pyarrow.Table.from_pylist(rows, schema=SCHEMA)
    pyarrow.parquet.write_table(table, path, version="2.6", compression="zstd", compression_level=3)
