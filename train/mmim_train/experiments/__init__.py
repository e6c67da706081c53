"""Experiments on development data, each run as `python -m mmim_train.experiments.<name>`; see its --help."""
