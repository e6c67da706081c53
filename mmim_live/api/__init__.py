"""The library for programs: a model for single inputs, whole recordings, and streams that the program feeds."""
