"""Data sets: one module per published layout, all read into the values of `dataset`; `opening` picks the reader."""
