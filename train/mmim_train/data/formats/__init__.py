"""One module per published layout of a data set."""
