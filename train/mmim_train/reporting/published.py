"""Published results of MMIM, for comparison with ours.

Sources: the paper (Han, Chen, Poria, EMNLP 2021), MMSA's result tables and independent reruns. Acc-2 and F1 on MOSI and
MOSEI are has0/non0.
"""

from collections.abc import Mapping

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "mosi": ("MAE", "r", "Acc-7", "Acc-2", "F1"),
    "sims": ("MAE", "r", "Acc-5", "Acc-2", "F1"),
}
"""Columns by scoring protocol."""

PUBLISHED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "mosi": {
        "MMIM, paper": (".700", ".800", "46.65", "84.14/86.06", "84.00/85.98"),
        "MMIM, reruns by others": (".708-.744", ".778-.796", "45.9-46.6", "82.0-83.4/83.4-85.8", "-"),
    },
    "mosei": {
        "MMIM, paper": (".526", ".772", "54.24", "82.24/85.97", "82.66/85.94"),
        "MMIM, reruns by others": (".532-.591", ".710-.765", "50.8-53.9", "81.7-82.3/83.5-85.8", "-"),
    },
    "sims": {"MMIM, published": (".475", ".528", "37.42", "75.42", "73.10")},
    "simsv2": {"MMIM, published": (".339", ".641", "50.5", "77.8", "77.8")},
}

KEYS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "mosi": (("mae",), ("r",), ("acc7",), ("acc2_has0", "acc2_non0"), ("f1_has0", "f1_non0")),
    "sims": (("mae",), ("r",), ("acc5",), ("acc2",), ("f1",)),
}
"""Our metrics for each of these columns."""
