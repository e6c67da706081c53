"""Media in, on one clock: the sources of sound and pictures. Knows nothing of what is made of them."""
