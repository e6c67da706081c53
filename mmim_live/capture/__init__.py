"""Media in, on one clock: the sources of audio and video frames."""
