from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmim_live.model.shapley import COALITIONS, shapley_values

games = st.lists(st.floats(-3, 3), min_size=8, max_size=8).map(np.array)
INDEX = {coalition: i for i, coalition in enumerate(COALITIONS)}


def of(scores: np.ndarray, members: set[int]) -> float:
    return float(scores[INDEX[(0 in members, 1 in members, 2 in members)]])


@given(games)
def test_values_are_mean_marginal_contributions_over_all_orders(scores: np.ndarray) -> None:
    expected = np.zeros(3)
    for order in permutations(range(3)):
        for i, player in enumerate(order):
            expected[player] += (of(scores, set(order[: i + 1])) - of(scores, set(order[:i]))) / 6
    np.testing.assert_allclose(shapley_values(scores), expected, atol=1e-12)


@given(games)
def test_values_sum_to_the_difference_between_all_and_none(scores: np.ndarray) -> None:
    np.testing.assert_allclose(shapley_values(scores).sum(), scores[7] - scores[0], atol=1e-12)


@given(games, st.integers(0, 2))
def test_a_player_who_never_changes_the_score_gets_nothing(scores: np.ndarray, dummy: int) -> None:
    for coalition, i in INDEX.items():
        without = tuple(member and player != dummy for player, member in enumerate(coalition))
        scores[i] = scores[INDEX[without]]  # type: ignore[index]
    np.testing.assert_allclose(shapley_values(scores)[dummy], 0, atol=1e-12)


@given(games)
def test_interchangeable_players_get_the_same(scores: np.ndarray) -> None:
    for coalition, i in INDEX.items():
        scores[i] = scores[INDEX[(min(coalition[:2]), max(coalition[:2]), coalition[2])]]
    text, voice, _ = shapley_values(scores)
    np.testing.assert_allclose(text, voice, atol=1e-12)


@given(games, games)
def test_values_of_a_sum_of_games_are_the_sums_of_the_values(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_allclose(shapley_values(one + other), shapley_values(one) + shapley_values(other), atol=1e-12)
