"""One of each kind of plug-in for mmim-live."""
