"""Metrics are formatted as in papers."""

from mmim_train.reporting.markdown_tables import format_metric, metrics_table


def test_metrics_are_printed_as_in_papers() -> None:
    assert format_metric("acc7", 0.4665) == "46.65"
    assert format_metric("mae", 0.7, 0.0123) == "0.7000 ± 0.0123"
    assert format_metric("f1_non0", 0.86, 0.01) == "86.00 ± 1.00"
    assert format_metric("valence.mae", None) == "-"
    assert metrics_table({"a": {"mae": 1.0, "count": 3}}).splitlines()[0].split() == ["|", "|", "mae", "|"]
