"""The camera preview in characters."""

import asyncio
import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmim_live.events import SessionStarted
from mmim_live.session_types import Preview, ShowPreview
from mmim_live.tui.app import MmimApp
from mmim_live.tui.render.camera_image import draw_preview
from mmim_live.tui.widgets.camera_view import CameraView
from mmim_live.tui.widgets.contributions import ContributionsPanel
from tests.tui.driving import make_app, screen_text, settle, until
from tests.tui.scripted import SESSION, Posted, ScriptedSource, health, reading, talk

SIZES = [(80, 24), (120, 40), (200, 60)]


def preview(time_s: float = 33.0, width: int = 32, height: int = 24) -> Preview:
    """A bright half and a dark one, with two points."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2] = (250, 128, 3)
    return Preview(time_s, image, np.array([[0.75, 0.5], [2.0, 0.5]], np.float32))


def test_pixels_and_points_are_drawn_in_their_cells() -> None:
    cells = draw_preview(preview(), 40, 20, ascii_only=False)
    assert (len(cells), len(cells[0])) == (12, 32)
    assert cells[0][0] == ("▀", (248, 136, 8), (248, 136, 8), False)
    assert cells[0][31] == ("▀", (8, 8, 8), (8, 8, 8), False)
    assert cells[6][24].character == "⠁"
    assert [cell for row in cells for cell in row if cell.outline] == [cells[6][24]]
    plain = draw_preview(preview(), 40, 20, ascii_only=True)
    assert (plain[0][0].character, plain[0][31].character, plain[6][24].character) == ("+", " ", "o")


@given(st.integers(1, 40), st.integers(1, 40), st.booleans(), st.lists(st.tuples(st.floats(-1, 2), st.floats(-1, 2))))
def test_any_preview_is_a_rectangle(
    width: int, height: int, ascii_only: bool, points: list[tuple[float, float]]
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    shown = Preview(0.0, image, np.array(points, np.float32).reshape(-1, 2))
    cells = draw_preview(shown, 40, 20, ascii_only=ascii_only)
    assert [len(row) for row in cells] == [width] * (height // 2)
    assert all(not ascii_only or cell.character.isascii() for row in cells for cell in row)


@given(st.integers(1, 90), st.integers(2, 90), st.integers(1, 40), st.integers(1, 20))
def test_a_preview_fits_into_its_cells_whole(width: int, height: int, columns: int, rows: int) -> None:
    image = np.full((height, width, 3), 100, np.uint8)
    cells = draw_preview(Preview(0.0, image, np.zeros((0, 2), np.float32)), columns, rows, ascii_only=False)
    assert len(cells) <= rows
    assert all(len(row) <= columns for row in cells)
    assert {cell.ink for row in cells for cell in row} <= {(104, 104, 104)}


def sees(event: Posted) -> Posted:
    """The session with a model of faces."""
    return dataclasses.replace(event, models={"face": "x"}) if isinstance(event, SessionStarted) else event


@pytest.mark.parametrize(
    ("size", "shown"), [((80, 24), False), ((120, 30), False), ((120, 31), True), ((200, 60), True)]
)
@pytest.mark.parametrize("live", [True, False])
def test_the_camera_is_shown_where_there_is_room(size: tuple[int, int], shown: bool, live: bool) -> None:
    source = ScriptedSource([*map(sees, talk(33, finished=not live)), preview(0.5, 64, 48)], live=live)
    app = MmimApp(source, title="talk.mp4", now_s=lambda: 0.0, draw_interval_s=0.01)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await settle(pilot, source)
            if not live:
                app._seek(99.0)  # the camera is there after the end, too
            view = app.query_one(CameraView)
            await until(pilot, lambda: view.display == shown)
            if shown:
                assert app.query_one(ContributionsPanel).display
            await pilot.press("c")
            await until(pilot, lambda: view.display != shown)
            await pilot.resize_terminal(120, 50)
            await pilot.pause(0.1)
            assert view.display != shown  # as the user has chosen
            if not live and not shown:
                await until(pilot, lambda: "▀" in screen_text(app))

    asyncio.run(run())


@pytest.mark.parametrize("size", SIZES)
def test_previews_are_requested_only_while_they_are_visible(size: tuple[int, int]) -> None:
    app, source = make_app(talk(33))

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await settle(pilot, source)
            assert source.asked == []
            await pilot.press("c")
            await until(pilot, lambda: "Waiting for the camera" in screen_text(app))
            wanted = source.asked[-1]
            assert isinstance(wanted, ShowPreview)
            assert wanted.size is not None
            assert wanted.size[0] >= 24
            assert wanted.size[1] >= 16
            app._post(preview(width=wanted.size[0], height=wanted.size[1] - 2))
            await until(pilot, lambda: screen_text(app).count("▀") >= 24 * 7)
            app._post(health(40.0))  # seven seconds later without a newer preview
            await until(pilot, lambda: "No camera image." in screen_text(app))
            await pilot.press("c")
            await until(pilot, lambda: source.asked[-1] == ShowPreview(None))
            assert "─ Camera" not in screen_text(app)

    asyncio.run(run())


def test_a_preview_shown_while_loading_is_requested_once_the_session_starts() -> None:
    app, source = make_app([])

    async def run() -> None:
        async with app.run_test(size=(120, 40)) as pilot:
            await settle(pilot, source)
            await pilot.press("c")
            await pilot.pause(0.05)
            assert source.asked == []
            for event in (SESSION, reading(1.0, 1.0)):
                app._post(event)
            await until(pilot, lambda: source.asked)
            assert isinstance(source.asked[-1], ShowPreview)
            assert app.query_one(CameraView).wanted is not None

    asyncio.run(run())
