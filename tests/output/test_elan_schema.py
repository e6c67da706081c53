"""The .eaf files are valid by ELAN's own schemas, which the source distribution of pympi carries."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

from mmim_live.events import Event, Mark
from mmim_live.output import read_events
from mmim_live.output.sink import write_file
from tests.output.test_formats import a_session, words
from tests.output.test_output import SESSION, UTTERANCE
from tests.output.test_report import HOSTILE, SAMPLE

xmlschema = pytest.importorskip("xmlschema")
pytestmark = pytest.mark.slow  # it asks the package index


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with EAFv2.8.xsd and EAFv3.0.xsd."""
    folder = tmp_path_factory.mktemp("pympi")
    wanted = f"pympi-ling=={version('pympi-ling')}"
    options = ["-q", "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "-d", str(folder)]
    try:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", *options, wanted], capture_output=True, timeout=120, check=True
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip(f"needs the source distribution of {wanted}, which pip cannot fetch here")
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as content:
        for member in content.getmembers():
            file = content.extractfile(member) if member.name.endswith(".xsd") else None
            if file is not None:
                (folder / Path(member.name).name).write_bytes(file.read())
    return folder


@pytest.mark.parametrize("schema", ["EAFv2.8.xsd", "EAFv3.0.xsd"])
@pytest.mark.parametrize("kind", ["session", "sample", "empty", "hostile"])
def test_elan_finds_nothing_wrong(schemas: Path, tmp_path: Path, kind: str, schema: str) -> None:
    hostile: list[Event] = [
        dataclasses.replace(SESSION, source=HOSTILE[0] + "ü %[.mp4"),
        *(dataclasses.replace(UTTERANCE, text=text, start_s=5.0 * n) for n, text in enumerate(HOSTILE)),
        *words(" ".join(HOSTILE), 2.0),
        Mark(float("inf"), HOSTILE[1]),
    ]
    sessions: dict[str, list[Event]] = {
        "session": a_session(),
        "sample": list(read_events(SAMPLE)),
        "empty": [SESSION],
        "hostile": hostile,
    }
    write_file(tmp_path / "talk.eaf", sessions[kind], tmp_path / "other place" / "talk.mp4")
    errors = xmlschema.XMLSchema(str(schemas / schema)).iter_errors(str(tmp_path / "talk.eaf"))
    assert [(error.path, error.reason) for error in errors] == []
