"""Whether papers print what a profile wants to be set against."""

import pandas as pd

from stages.common.files import InputError
from stages.profile.sections.published import Published


def check_setting(table: pd.DataFrame, published: Published) -> None:
    """InputError unless papers print what a profile's section `published` names, spelt as in the table."""
    model, train_data, recipe_of = published.model, published.train_data, published.recipe_of
    of_model = table[table["model"] == model]
    if of_model.empty:
        models = ", ".join(sorted(table["model"].dropna().unique()))
        raise InputError(f"published.model: no number is published for {model!r}; known are {models}")
    rows = _trained_on(of_model, train_data, "published.train_data")
    papers = set(rows["paper"])
    if recipe_of is not None and recipe_of not in papers:
        raise InputError(
            f"published.recipe_of: no number of {recipe_of!r} for this model and data; papers that print some are "
            f"{', '.join(sorted(papers))}"
        )
    for name, row in published.rows.items():
        trained_on = train_data if row.train_data is None else row.train_data
        own = _trained_on(of_model, trained_on, f"published.rows.{name}.train_data")
        printed = set(own[["method", "variant"]].itertuples(index=False, name=None))
        if (row.method, row.variant) not in printed:
            variants = sorted(str(variant or "none") for method, variant in printed if method == row.method)
            raise InputError(
                f"published.rows.{name}: {row.method} with variant {row.variant or 'none'} has no row for this model and "
                f"data; its variants are {', '.join(variants) or 'none: the method has no row'}"
            )


def _trained_on(of_model: pd.DataFrame, train_data: str, field: str) -> pd.DataFrame:
    """The rows of a training set; InputError, which names the field, if there are none."""
    rows = of_model[of_model["train_data"] == train_data]
    if rows.empty:
        known = "; ".join(sorted(of_model["train_data"].dropna().unique())) or "none"
        model = of_model["model"].iloc[0]
        raise InputError(f"{field}: no number is published for {model} trained on {train_data!r}; known are {known}")
    return rows
