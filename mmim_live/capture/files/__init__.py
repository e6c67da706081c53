"""Media files: containers, decoders and timestamps."""
