"""What the README and the documentation name exists: files, headings, commands and their options."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from mmim_live.cli.commands import app, with_default_command
from mmim_live.cli.serving import expand_serve_flag
from tests.conftest import REPOSITORY

PAGES = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")])
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE))


def anchors(page: Path) -> set[str]:
    """As GitHub and MkDocs make them of headings."""
    headings = re.findall(r"^#+ (.*)$", without_code(page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in _LINK.findall(without_code(page.read_text(encoding="utf-8"))):
        if link.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = page if not path else (page.parent / path).resolve()
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {link}"


def commands(page: Path) -> Iterator[list[str]]:
    """The arguments of every mmim-live in the shell examples of a page."""
    for block in re.findall(r"^ *```sh\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", " ").splitlines():
            for command in re.split(r"&&|\|\||[|;]", line):
                words = shlex.split(command, comments=True)
                while words and "=" in words[0]:
                    del words[0]
                if words[:1] == ["mmim-live"]:
                    yield words[1:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_command_and_option_exists(page: Path) -> None:
    for arguments in commands(page):
        if arguments == ["--version"]:
            continue
        group = typer.main.get_command(app)
        rest = expand_serve_flag(with_default_command(arguments))
        while hasattr(group, "commands"):
            assert rest, arguments
            assert rest[0] in group.commands, f"{page.name}: mmim-live {' '.join(arguments)}"
            group = group.commands[rest.pop(0)]
        known = {name for parameter in group.params for name in (*parameter.opts, *parameter.secondary_opts)} | {
            "--help"
        }
        for word in rest:
            if word.startswith("-") and not re.fullmatch(r"-\d.*", word):
                assert word.partition("=")[0] in known, f"{page.name}: mmim-live {' '.join(arguments)}"


def test_the_commands_are_found() -> None:
    assert sum(len(list(commands(page))) for page in PAGES) > 5
