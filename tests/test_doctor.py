import importlib.metadata

import pytest

from mmim_live import doctor


def test_a_library_that_does_not_import_is_reported_with_its_reason():
    check = doctor._imports("nothing", "no_such_library", "install it")
    assert not check.ok
    assert "no_such_library" in check.found
    assert check.fix == "install it"


def test_a_cpu_only_torch_gets_a_plain_message(monkeypatch: pytest.MonkeyPatch):
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "2.13.0+cpu" if name == "torch" else real(name))
    assert "CPU-only" in doctor._fix_torch()


def test_two_releases_of_opencv_are_reported(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "5.0" if name == "opencv-python" else "4.9")
    assert not doctor._same_opencv().ok


def test_it_says_whose_usage_reports_are_blocked():
    assert doctor._telemetry().found == "blocked: onnxruntime, huggingface_hub, mediapipe"


def test_a_switch_that_was_undone_is_reported(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    check = doctor._telemetry()
    assert (check.ok, check.found) == (False, "not blocked: onnxruntime")


@pytest.mark.slow
def test_everything_that_the_tests_need_is_well_here():
    needed = {"python", "torch and torchaudio", "text encoder", "face landmarker", "opencv", "speech recognition"}
    found = {check.name: check for check in doctor.examine()}
    assert needed <= found.keys()
    for name in needed:
        assert found[name].ok, found[name]
