from pathlib import Path

from mmim_live.capture.devices.listing import list_devices, video_nodes


def test_only_the_first_node_of_a_camera_counts(tmp_path: Path) -> None:
    for number, index, name in ((10, 0, "Second"), (2, 0, "First: First"), (3, 1, "First: First")):
        node = tmp_path / f"video{number}"
        node.mkdir()
        (node / "name").write_text(f"{name}\n")
        (node / "index").write_text(f"{index}\n")
    assert video_nodes(tmp_path) == [(2, "First: First"), (10, "Second")]


def test_a_machine_without_video_nodes_has_no_camera(tmp_path: Path) -> None:
    assert video_nodes(tmp_path / "none") == []


def test_each_missing_kind_of_device_is_reported_in_one_line() -> None:
    devices = list_devices()
    for there, word in ((devices.cameras, "camera"), (devices.microphones, "microphone")):
        assert there or any(word in problem for problem in devices.problems)
    assert all("\n" not in problem for problem in devices.problems)
