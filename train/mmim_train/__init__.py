"""Training of MMIM: data sets, batches, metrics, recipes. Imports `mmim_live`, never the other way."""
