"""The report says when nothing tells a method's gain from that of fewer updates."""

import pytest

from stages.reporting.inputs.results import load
from stages.reporting.sections.notices import notices
from stages.reporting.tables.counts import sample_counts
from tests.report_results import TRAIN, write_results

SAYS = "No run is strictly on-policy GRPO"


def said(folder, **settings):
    """What a report of these methods says of it; `settings` of each, whose names begin with the method's own."""
    names = tuple(settings)
    write_results(
        folder,
        methods=names,
        method_of={name: name.removesuffix("_one") for name in names},
        method_settings={f"{name}-1": own for name, own in settings.items()},
        train={**TRAIN, "steps": 3, "updates_per_step": 2},
    )
    results = load(folder, "smoke")
    return [notice.text for notice in notices(results, sample_counts(results)) if SAYS in notice.text]


@pytest.mark.parametrize(
    "settings, names",
    [
        ({"grpo": {}}, None),
        ({"grpo": {}, "par": {}}, "`par`"),
        ({"grpo": {}, "par": {"updates_per_step": 1}, "steer": {"updates_per_step": 1, "epochs": 2}}, "`steer`"),
        ({"grpo": {}, "par": {"updates_per_step": 1}}, None),
        ({"grpo": {}, "par": {}, "grpo_one": {"updates_per_step": 1}}, None),
        ({"grpo": {}, "par": {}, "grpo_one": {"updates_per_step": 1, "epochs": 2}}, "`par`"),
    ],
)
def test_a_comparison_without_strictly_on_policy_grpo_is_named(tmp_path, settings, names):
    found = said(tmp_path, **settings)
    assert len(found) == (names is not None)
    if names:
        assert found[0].endswith(f"Such methods: {names}.")
