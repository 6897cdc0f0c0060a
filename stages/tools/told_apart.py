"""Which of the lab's methods are told apart: in entropy, style and reward, over all pairs together. Pure."""

from stages.claims.measures import FIRST, LAST
from stages.claims.quantities import Measured
from stages.reporting.figures.drawn_data import progress_rows, rounded
from stages.reporting.figures.models import ends_of_a_crowd, lines_of
from stages.reporting.figures.progress import progress_panels
from stages.reporting.figures.specification import Figure, svg
from stages.reporting.sections.apart import apart_in_words, apart_table
from stages.reporting.sections.blocks import Picture, Section, Text
from stages.reporting.tables.apart import MEASURES, told_apart


def methods_section(measured: Measured, picture: str) -> Section:
    """`picture`: the name of the figure that `progress_picture` draws."""
    found = told_apart(measured.steps, FIRST, LAST)
    drawn = Picture(
        picture,
        "Entropy, entropy of the first token and reward over the steps, a line a method.",
        "Mean over seeds and, shaded, lowest and highest seed. In colour: GRPO, the two methods whose entropy ends lowest and the"
        " four whose entropy ends highest.",
    )
    table = apart_table(found, "lab_methods", f"mean of the last {LAST} steps")
    return Section(
        "methods", "Which methods differ", [Text(apart_in_words(found, len(measured.methods))), drawn, table]
    )


def progress_picture(measured: Measured) -> str:
    """The three measures over the steps as SVG."""
    steps, last = measured.steps, int(measured.steps["step"].max())
    lines = lines_of(measured.methods)
    chosen = ends_of_a_crowd(steps[steps["step"] == last])
    figure = Figure(progress_panels(MEASURES, last, lines), "steps", len(MEASURES))
    drawn = progress_rows(steps[["method", "step", *MEASURES]]).map(rounded)
    return svg(figure, [method for method in measured.methods if method in chosen], {"steps": drawn})
