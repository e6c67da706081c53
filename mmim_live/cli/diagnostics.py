"""Commands that inspect this machine: devices, model files, and what is missing."""

from __future__ import annotations

from typing import Annotated

import typer


def devices() -> None:
    """List cameras and microphones, their rates and the defaults."""
    from rich.console import Console
    from rich.table import Table

    from mmim_live.capture.devices.listing import list_devices
    from mmim_live.native_stderr import native_stderr_to_log

    with native_stderr_to_log():
        found = list_devices()
    table = Table(title="Devices", expand=False)
    for column in ("kind", "index", "name", "gives", "default"):
        table.add_column(column, overflow="fold")
    for camera in found.cameras:
        gives = camera.problem or f"{camera.width}x{camera.height}, {camera.fps or 'unknown'} fps"
        table.add_row("camera", str(camera.index), camera.name, gives, "yes" if camera.default else "")
    for microphone in found.microphones:
        gives = f"{microphone.rate_hz} Hz, {microphone.channels} channels ({microphone.host})"
        default = "yes" if microphone.default else ""
        table.add_row("microphone", str(microphone.index), microphone.name, gives, default)
    if found.cameras or found.microphones:
        Console().print(table)
    for problem in found.problems:
        print(problem)


def models(
    fetch: Annotated[list[str] | None, typer.Option(help="Download this model file now; repeatable.")] = None,
) -> None:
    """List the model files: where each was found, its license, and how to get it."""
    from mmim_live import assets

    for name in fetch or []:
        assets.obtain(name)
    for asset in assets.ASSETS.values():
        found = assets.find(asset.name)
        print(f"{asset.name}: {asset.purpose}; {asset.size_bytes / 1e6:.0f} MB, {asset.licence}")
        print(f"    {found.origin}: {found.folder}" if found else f"    missing: {asset.install}")


def doctor() -> None:
    """Check this machine and its devices: what is missing, how to fix it, and what works."""
    from mmim_live.capture.devices.listing import list_devices
    from mmim_live.doctor import NEEDED, Check, examine
    from mmim_live.native_stderr import native_stderr_to_log

    missing: list[str] = []

    def show(check: Check) -> None:
        if not check.ok and check.name.startswith(NEEDED):
            missing.append(check.name)
        print(f"{'ok     ' if check.ok else 'MISSING'}  {check.name}: {check.found}")
        if not check.ok and check.fix:
            print(f"         {check.fix}")

    for check in examine():
        show(check)
    with native_stderr_to_log():
        found = list_devices()
    cameras = [camera.name for camera in found.cameras if camera.problem is None]
    microphones = [microphone.name for microphone in found.microphones]
    plug_in = "only needed for a live session: connect one; `mmim-live devices` says more"
    show(Check("camera", bool(cameras), ", ".join(cameras) or "none that works", plug_in))
    show(Check("microphone", bool(microphones), ", ".join(microphones) or "none", plug_in))
    if missing:
        print(f"\nNot ready: fix {', '.join(missing)}.")
        raise typer.Exit(1)
    if cameras or microphones:
        kinds = " and ".join([*(["camera"] if cameras else []), *(["microphone"] if microphones else [])])
        print(f"\nReady for recordings and for live sessions with {kinds}.")
    else:
        print("\nReady for recordings (mmim-live replay sample); a live session needs a camera or a microphone.")
