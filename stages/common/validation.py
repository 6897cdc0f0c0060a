"""What pydantic found wrong, as one line for a person."""

from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stages.common.files import InputError

Schema = TypeVar("Schema", bound=BaseModel)
WANTED = {
    "list_type": "a list",
    "dict_type": "a mapping, {name: ...}",
    "model_type": "a mapping, {name: ...}",
    "model_attributes_type": "a mapping, {name: ...}",
}


def read_as(schema: type[Schema], path: Path, mend: str) -> Schema:
    """The JSON file as `schema`; InputError says that it is missing or what is wrong in it, and ends with `mend`."""
    try:
        return schema.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing: {mend}")
    except ValidationError as error:
        raise InputError(f"{path}: {first_problem(error, schema)}: {mend}")


def first_problem(error: ValidationError, schema: type[BaseModel] | None = None, within: str = "") -> str:
    """The problem that a person should mend first: `field: reason, not <what was given>`.

    A misspelt field is also a missing one, so an unknown name comes before all else. `schema` is what was validated
    against: with it, a message on an unknown or a missing name lists those that are known where it stands. `within` names what was validated: its fields are told below that name.
    """
    problem = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    field = ".".join(map(str, [*filter(None, [within]), *problem["loc"]]))
    if problem["type"] == "value_error":  # a sentence of our own, raised by a validator
        sentence = str(problem["ctx"]["error"])
        if schema and field and sentence.partition(":")[0].partition(".")[0] in _fields_at(schema, problem["loc"]):
            return f"{field}.{sentence}"  # of one field, or of one below it
        return f"{field}: {sentence}" if field else sentence
    known = "" if schema is None else f"; known here are {', '.join(_fields_at(schema, problem['loc'][:-1]))}"
    if problem["type"] == "extra_forbidden":
        return f"{field} is no setting{known}"
    if problem["type"] == "missing":
        beside = [str(found["loc"][-1]) for found in error.errors() if _is_missing_beside(problem, found)]
        more = f", as {'is' if len(beside) == 1 else 'are'} {', '.join(beside)}" if beside else ""
        return f"{field} is missing{more}{known}"
    given, wanted = problem["input"], WANTED.get(problem["type"])
    if wanted and given is None:
        return f"{field} has no entry: give {wanted}, or remove the line"
    if wanted and field:
        listed = f", such as [{given}]" if problem["type"] == "list_type" and isinstance(given, str | int) else ""
        return f"{field}: {wanted} is wanted{listed}, not {given!r}"
    reason = problem["msg"][0].lower() + problem["msg"][1:]
    return f"{field}: {reason}, not {problem['input']!r}" if field else f"{reason}, not {problem['input']!r}"


def _is_missing_beside(problem: ErrorDetails, other: ErrorDetails) -> bool:
    """Whether another field of the same section is missing too."""
    same_section = other["loc"][:-1] == problem["loc"][:-1] and other["loc"] != problem["loc"]
    return other["type"] == "missing" and same_section


def _fields_at(schema: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The fields of the model that stands at `place` below `schema`; keys of dicts and positions of lists are passed."""
    known = schema
    for part in place:
        if part in known.model_fields:
            known = _model_in(known.model_fields[str(part)].annotation) or known
    return list(known.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)
