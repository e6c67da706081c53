"""Experiments on development data, each a command: `python -m mmim_train.experiments.<name> --help`."""
