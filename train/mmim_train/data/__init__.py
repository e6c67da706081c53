"""Datasets: one reader per published layout, all returning the types of `dataset`; `loader` picks the reader."""
