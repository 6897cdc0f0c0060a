"""Section `data.own.<name>`: a file of problems of one's own, to train on or to evaluate."""

from pathlib import Path

from pydantic import Field, PositiveInt, model_validator

from stages.profile.sections.base import Section

ENDINGS = (".jsonl", ".parquet")
OF_OTHER_ANSWERS = ("sandbox", "ifeval_loose", "ifeval_strict")  # graders of programs and of instructions


class OwnSet(Section):
    """A file with `problem` and `answer` a row, and if known `id`, `level`, `source`. With `k` it is a benchmark."""

    file: str = Field(description="a JSONL or parquet file, seen from the repository")
    sha256: str = Field(
        "", pattern=r"^([0-9a-f]{64})?$", description="of the file; none: as it is when stage resolve runs"
    )
    licence: str = Field(min_length=1, description="stands in the manifest and the report")
    k: PositiveInt | None = Field(None, le=65_536, description="of a benchmark: samples a problem")
    grader: str = Field("math_verify", description="of a benchmark: the grader that counts")
    prompt: str | None = Field(
        None, description="of a benchmark: its template; none: evaluation.prompt or the protocol's"
    )

    @model_validator(mode="after")
    def _a_file(self) -> "OwnSet":
        if Path(self.file).suffix not in ENDINGS:
            raise ValueError(f"file: {self.file} is neither of {', '.join(ENDINGS)}; write it as one of them")
        if Path(self.file).is_absolute():
            raise ValueError(
                "file: it starts with a slash; give the path from the repository's root, which every machine has"
            )
        if not Path(self.file).is_file():
            raise ValueError(f"file: {self.file} is missing; give the path from the repository's root")
        if self.k is None and (self.prompt or self.grader != "math_verify"):
            raise ValueError("k: a grader or prompt is a benchmark's; give k, or remove them")
        return self
