"""The folders tell the way of the data; imports may only follow it."""

import ast
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "mmim_live"
TRAINING = REPOSITORY / "train" / "mmim_train"

GROUND = {
    "types",
    "events",
    "transcript",
    "session_types",
    "settings",
    "errors",
    "assets",
    "text_normalization",
    "native_stderr",
    "telemetry",
    "untrusted",
}
STAGES = {"capture", "features", "speech", "alignment", "model", "output"}
ALLOWED: dict[str, set[str]] = {
    **dict.fromkeys(GROUND | STAGES, GROUND),
    "features": GROUND | {"speech"},
    "serve": GROUND | {"output"},
    "recording": GROUND | STAGES | {"session"},
    "session": GROUND | STAGES | {"recording"},
    "tui": GROUND | {"session"},
    "benchmark": GROUND | STAGES | {"session", "tui"},
    "doctor": GROUND,
    "cli": GROUND | STAGES | {"session", "recording", "benchmark", "doctor", "serve", "tui", "mmim_train"},
    "__init__": GROUND | {"session", "recording"},
}
FORBIDDEN_NAMES = {"utils", "util", "core", "common", "base", "helpers", "misc"}
HEAVY = {
    "torch",
    "torchaudio",
    "mediapipe",
    "transformers",
    "faster_whisper",
    "ctranslate2",
    "cv2",
    "textual",
    "sounddevice",
}


def modules() -> list[Path]:
    return [*PACKAGE.rglob("*.py"), *TRAINING.rglob("*.py")]


def imported(path: Path, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, f"{path} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def part(path: Path) -> str:
    """The folder or module right below the package that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_way_of_the_data(path: Path):
    own = part(path)
    if own == "bundled":  # a script, no part of the program
        return
    allowed = ALLOWED[own] | {own}
    for name in imported(path):
        pieces = name.split(".")
        if pieces[0] == "mmim_live" and len(pieces) > 1:
            assert pieces[1] in allowed or not (PACKAGE / pieces[1]).exists(), f"{own} must not import {name}"
        if pieces[0] == "mmim_train":
            assert "mmim_train" in allowed, f"{own} must not import {name}"


@pytest.mark.parametrize(
    "name",
    [
        "types",
        "events",
        "settings",
        "errors",
        "assets",
        "text_normalization",
        "native_stderr",
        "cli/__init__",
        "__init__",
        "alignment",
    ],
)
def test_light_modules_import_no_heavy_library_at_the_top(name: str):
    top = {item.split(".")[0] for item in imported(PACKAGE / f"{name}.py", top_level_only=True)}
    assert not top & HEAVY


def test_no_module_has_a_name_that_says_nothing():
    for path in modules():
        assert not FORBIDDEN_NAMES & set(path.with_suffix("").parts[len(REPOSITORY.parts) :]), path


def test_only_the_command_line_prints_or_exits():
    for path in PACKAGE.rglob("*.py"):
        if part(path) in {"cli", "bundled"}:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"print", "exit", "quit", "sys.exit", "os._exit"}, f"{path}: {called}"


def test_public_names_exist():
    import mmim_live

    for name in mmim_live.__all__:
        assert hasattr(mmim_live, name)
