import math

import pytest

from mmim_live.errors import ConfigError, RenamedWarning
from mmim_live.settings import Settings, load_settings, parse_player_speed, parse_speed


def test_options_win_over_the_file_and_the_file_over_defaults(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text("window = 8.0\nhop = 1.0\n")
    settings = load_settings(path, {"hop": 0.25, "language": None})
    assert (settings.window, settings.hop, settings.language) == (8.0, 0.25, Settings().language)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("wimdow = 8.0", "unknown setting 'wimdow'"),
        ("window = -1", "'window'"),
        ("window = 'wide'", "'window'"),
        ("window = 2.0\nhop = 3.0", "must not be longer"),
        ("language = 'English'", "'language'"),
        ("window = ", "not a valid TOML"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_it(tmp_path, content, said):
    path = tmp_path / "settings.toml"
    path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        load_settings(path, {})
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load_settings(tmp_path / "none.toml", {})


def test_a_renamed_checkpoint_in_the_settings_of_a_recording_is_read_under_its_current_name():
    with pytest.warns(RenamedWarning, match="'minilm-en'"):
        assert load_settings(None, {}, recorded={"checkpoint": "live"}).checkpoint == "minilm-en"


def test_a_speed_of_one_is_real_time_however_it_is_written():
    assert [parse_speed(text) for text in ("1", "1.", "1.0", "1.00", "max")] == ["1.0"] * 4 + ["max"]
    for text in ("", "2", "11", "fast", "MAX", "1.01", "nan"):
        with pytest.raises(ValueError, match=r"must be 'max' or '1\.0'"):
            parse_speed(text)


def test_the_app_plays_at_half_to_four_times_the_speed_or_as_fast_as_possible() -> None:
    assert [parse_player_speed(text) for text in ("0.5", "1", "4", "max")] == [0.5, 1.0, 4.0, math.inf]
    for text in ("0.4", "5", "inf", "nan", "fast", ""):
        with pytest.raises(ValueError, match=r"from 0\.5 to 4"):
            parse_player_speed(text)
