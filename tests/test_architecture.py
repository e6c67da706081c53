"""What the folders promise: what may import what, where threads and processes start, how calls are written."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

LIVE = REPOSITORY / "mmim_live"
TRAIN = REPOSITORY / "train" / "mmim_train"

# A room is a folder or module directly below a package. It may import itself, the rooms listed for it, and nothing else
# of the project. Imports under TYPE_CHECKING and inside functions count.
GROUND = {
    "types",
    "events",
    "mean_score",
    "highlights",
    "transcript",
    "wording",
    "session_types",
    "settings",
    "errors",
    "assets",
    "text_normalization",
    "native_stderr",
    "plugins",
    "telemetry",
    "untrusted",
}
STAGES = {"capture", "gain_control", "voice_activity", "features", "speech", "alignment", "model", "output"}
LIVE_IMPORTS: dict[str, set[str]] = {
    **dict.fromkeys(GROUND, GROUND),
    **dict.fromkeys(STAGES, GROUND),
    "features": GROUND | {"gain_control", "voice_activity"},
    "speech": GROUND | {"gain_control", "voice_activity"},
    "parallel": GROUND,
    "recording": GROUND | {"output", "session", "speech"},
    "session": GROUND | STAGES | {"parallel", "recording"},
    "api": GROUND | {"alignment", "capture", "features", "model", "output", "session"},
    "serve": GROUND | {"output"},
    "tui": GROUND,
    "benchmark": GROUND | {"capture", "parallel", "recording", "session", "speech", "tui"},
    "doctor": GROUND,
    "cli": GROUND | {"benchmark", "capture", "doctor", "output", "parallel", "recording", "serve", "session", "tui"},
    "__init__": GROUND | {"api", "session", "recording"},
    "bundled": set(),
}
MODEL = GROUND | {"model"}
MEDIA = MODEL | {"capture", "features", "speech"}
# For a room of mmim_train: the rooms of mmim_train, and those of mmim_live.
TRAIN_IMPORTS: dict[str, tuple[set[str], set[str]]] = {
    "data": (set(), MODEL | {"features"}),  # the contract of words, which published features share
    "features": ({"data"}, MEDIA | {"parallel", "session"}),
    "training": ({"data"}, MODEL),
    "evaluation": ({"data", "training"}, MODEL),
    "reporting": ({"training"}, GROUND),
    "runs": ({"data", "training", "evaluation", "reporting"}, MODEL),
    "commands": ({"data", "training", "evaluation", "reporting", "runs"}, MODEL),
    "default_checkpoint": ({"features", "training", "evaluation"}, MEDIA | {"parallel"}),
    "experiments": ({"data", "training", "evaluation", "reporting", "runs"}, MODEL),
    "__init__": (set(), set()),
}
# All that mmim_live imports from mmim_train, and only its cli does.
COMMANDS_OF_TRAIN = {"commands", "features", "default_checkpoint"}

CONCURRENCY = {
    "mmim_live/benchmark/cpu_limit.py": "runs cpulimit",
    "mmim_live/benchmark/live.py": "plays clips and ends the session on time",
    "mmim_live/benchmark/measured_process.py": "measures a session in a process of its own",
    "mmim_live/benchmark/network_camera.py": "a server of pictures",
    "mmim_live/benchmark/virtual_microphone.py": "runs a sound server and a player, and feeds the player",
    "mmim_live/capture/devices/camera.py": "a camera's frames",
    "mmim_live/capture/devices/microphone.py": "keeps a microphone open; PortAudio calls back on a thread of its own",
    "mmim_live/capture/devices/video_capture.py": "opens a camera, which may hang in its driver",
    "mmim_live/parallel/processes.py": "worker processes, which end with the process that started them",
    "mmim_live/recording/writer.py": "encodes and writes, so that a slow disk does not delay the session",
    "mmim_live/serve/server.py": "the event loop of the server",
    "mmim_live/session/batch.py": "analyzes several recordings at a time, each in a process",
    "mmim_live/session/device_source.py": "closes devices that may hang",
    "mmim_live/session/runner.py": "runs a session beside the app, and reports its health at intervals",
    "mmim_live/session/session.py": "starts the workers of a session",
    "mmim_live/session/signals.py": "ends a session outside the signal handler",
    "mmim_live/session/workers.py": "the worker: a thread that reports its failure",
    "mmim_live/tui/screens/devices.py": "lists devices, which takes seconds",
    "train/mmim_train/default_checkpoint/background.py": "computes beside the training process, and relays its log",
    "train/mmim_train/runs/text_encoder.py": "asks whether the hub answers, which may hang in the name service",
}
# Calls that start a thread, a process or an event loop.
STARTERS = {
    "Popen",
    "Process",
    "ProcessPoolExecutor",
    "Runner",
    "Thread",
    "ThreadPoolExecutor",
    "Timer",
    "Worker",
    "asyncio.run",
    "new_event_loop",
    "run_in_executor",
    "run_worker",
    "start_processes",
    "to_thread",
    "work",
}

MOST_POSITIONAL = 5
VARIADIC = {"Content.assemble"}  # textual: takes any number of parts

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
LIGHT = sorted(GROUND | {"__init__", "alignment", "cli/__init__"})


def files() -> list[Path]:
    return sorted([*LIVE.rglob("*.py"), *TRAIN.rglob("*.py")])


def name_of(path: Path) -> str:
    """The path from the root of the repository."""
    return path.relative_to(REPOSITORY).as_posix()


def module_of(path: Path) -> str:
    """The dotted name; a package is named after its folder."""
    parts = list(path.relative_to(REPOSITORY).with_suffix("").parts)
    return ".".join(parts).removeprefix("train.").removesuffix(".__init__")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def calls_in(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call))


def imported(path: Path, *, top_level_only: bool = False) -> set[str]:
    """Dotted names, including the name that is imported from the module."""
    names: set[str] = set()
    for node in tree_of(path).body if top_level_only else ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@cache
def modules() -> dict[str, Path]:
    return {module_of(path): path for path in files()}


@cache
def imported_modules(path: Path) -> set[str]:
    """The other modules of the project that a file imports."""
    found = set()
    for name in imported(path):
        while name and name not in modules():
            name = name.rpartition(".")[0]
        found.add(name)
    return found - {"", module_of(path)}


def room_of(module: str) -> tuple[str, str]:
    """The package, and the folder or module directly below it."""
    package, _, rest = module.partition(".")
    return package, rest.partition(".")[0] or "__init__"


def may_import(importer: str, imported: str) -> bool:
    (package, room), (other_package, other_room) = room_of(importer), room_of(imported)
    if (package, room) == (other_package, other_room):
        return True
    match package, other_package:
        case "mmim_live", "mmim_live":
            return other_room in LIVE_IMPORTS[room]
        case "mmim_live", "mmim_train":
            return room == "cli" and other_room in COMMANDS_OF_TRAIN
        case "mmim_train", "mmim_train":
            return other_room in TRAIN_IMPORTS[room][0]
    return other_room in TRAIN_IMPORTS[room][1]


def test_every_room_has_its_rule():
    rooms = {room_of(module) for module in modules()}
    assert rooms == {("mmim_live", room) for room in LIVE_IMPORTS} | {("mmim_train", room) for room in TRAIN_IMPORTS}


@pytest.mark.parametrize("path", files(), ids=name_of)
def test_imports_follow_the_rules(path: Path):
    importer = module_of(path)
    for name in sorted(imported_modules(path)):
        assert may_import(importer, name), f"{importer} must not import {name}"


def test_the_trainer_depends_on_no_format_and_no_report():
    for path in (TRAIN / "training").rglob("*.py"):
        for name in imported_modules(path):
            assert not name.startswith(("mmim_train.data.formats", "mmim_train.reporting")), f"{name_of(path)}: {name}"


def test_no_import_cycles():
    """In a depth-first search, meeting a module on the current path means a cycle."""
    finished: set[str] = set()

    def visit(module: str, path: list[str]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in finished:
            for other in sorted(imported_modules(modules()[module])):
                visit(other, [*path, module])
            finished.add(module)

    for module in modules():
        visit(module, [])


@pytest.mark.parametrize("name", LIGHT)
def test_light_modules_import_no_heavy_library_at_the_top(name: str):
    top = {item.split(".")[0] for item in imported(LIVE / f"{name}.py", top_level_only=True)}
    assert not top & HEAVY


def test_no_module_has_a_meaningless_name():
    for path in files():
        assert not FORBIDDEN_NAMES & set(Path(name_of(path)).with_suffix("").parts), path


def observes(call: ast.Call) -> bool:
    """Looks at a running process, and starts none."""
    return ast.unparse(call.func) == "psutil.Process"


def test_threads_and_processes_start_only_where_listed():
    starting = set()
    for path in files():
        called = {ast.unparse(call.func) for call in calls_in(path) if not observes(call)}
        called |= {name.rpartition(".")[2] for name in called}
        bases = {
            ast.unparse(base).rpartition(".")[2]
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.ClassDef)
            for base in node.bases
        }
        if STARTERS & (called | bases):
            starting.add(name_of(path))
    assert starting == set(CONCURRENCY)


@pytest.mark.parametrize("path", files(), ids=name_of)
def test_no_call_has_more_than_five_positional_arguments(path: Path):
    for call in calls_in(path):
        function = ast.unparse(call.func)
        count = len(call.args)
        if function not in VARIADIC:
            assert count <= MOST_POSITIONAL, f"{name_of(path)}:{call.lineno}: {function}"


def test_only_the_command_line_prints_or_exits():
    for path in LIVE.rglob("*.py"):
        if room_of(module_of(path))[1] in {"cli", "bundled"}:
            continue
        for call in calls_in(path):
            called = ast.unparse(call.func)
            assert called not in {"print", "exit", "quit", "sys.exit", "os._exit"}, f"{path}: {called}"


def test_every_test_that_the_threat_model_names_exists():
    named = re.findall(r"`(tests/[^`]+)`", (REPOSITORY / "docs" / "threat-model.md").read_text(encoding="utf-8"))
    assert named
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


def test_public_names_exist():
    import mmim_live

    for name in mmim_live.__all__:
        assert hasattr(mmim_live, name)
