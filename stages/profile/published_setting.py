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
    rows = of_model[of_model["train_data"] == train_data]
    if rows.empty:
        known = ", ".join(sorted(of_model["train_data"].dropna().unique())) or "none"
        raise InputError(
            f"published.train_data: no number is published for {model} trained on {train_data!r}; known are {known}"
        )
    papers = set(rows["paper"])
    if recipe_of is not None and recipe_of not in papers:
        raise InputError(
            f"published.recipe_of: no number of {recipe_of!r} for this model and data; papers that print some are "
            f"{', '.join(sorted(papers))}"
        )
    printed = set(rows[["method", "variant"]].itertuples(index=False, name=None))
    for name, row in published.rows.items():
        if (row.method, row.variant) not in printed:
            variants = sorted(str(variant or "none") for method, variant in printed if method == row.method)
            raise InputError(
                f"published.rows.{name}: {row.method} with variant {row.variant or 'none'} has no row for this model and "
                f"data; its variants are {', '.join(variants) or 'none: the method has no row'}"
            )
