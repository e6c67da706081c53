"""`python -m mmim_live.cli` is `mmim-live`."""

from mmim_live.cli import main

main()
