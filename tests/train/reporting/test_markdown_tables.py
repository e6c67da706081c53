"""Metrics are formatted as in papers."""

from mmim_train.reporting.markdown_tables import format_metric, metrics_table


def test_metrics_are_printed_as_in_papers() -> None:
    assert format_metric("acc7", 0.4665) == "46.65"
    assert format_metric("mae", 0.7, 0.0123) == "0.7000 ± 0.0123"
    assert format_metric("f1_non0", 0.86, 0.01) == "86.00 ± 1.00"
    assert format_metric("valence.mae", None) == "-"


def test_the_number_of_samples_stands_beside_each_r() -> None:
    table = metrics_table({"a": {"mae": 1.0, "r": 0.5, "acc2": 0.5, "count": 3, "count_non0": 2}}).splitlines()
    assert table[0].split() == ["|", "|", "mae", "|", "r", "|", "n", "|", "acc2", "|"]
    assert table[2].split() == ["|", "a", "|", "1.0000", "|", "0.5000", "|", "3", "|", "50.00", "|"]
    assert metrics_table({"a": {"war": 1.0, "count": 3}}).splitlines()[0].split() == ["|", "|", "n", "|", "war", "|"]
    two = {f"{name}.{metric}": 0.0 for name in ("valence", "arousal") for metric in ("r", "count")}
    heads = metrics_table({"a": two}).splitlines()[0].split()[2::2]
    assert heads == ["valence.r", "valence.n", "arousal.r", "arousal.n"]
