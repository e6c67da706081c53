"""The examples of docs/python.md run, one after the other, as a reader would type them."""

import re
import shutil
from pathlib import Path

import pytest

from mmim_live.assets import BUNDLED_FOLDER
from tests.conftest import REPOSITORY


@pytest.mark.slow
def test_the_examples_of_the_documentation_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    page = (REPOSITORY / "docs" / "python.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(examples) >= 7
    shutil.copy(BUNDLED_FOLDER / "sample.mp4", tmp_path / "talk.mp4")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for example in examples:
        if not example.startswith("# not run:"):
            exec(compile(example, "docs/python.md", "exec"), names)
    assert "text=True, voice=True, face=True" in capsys.readouterr().out
    assert (tmp_path / "talk.srt").stat().st_size > 100
