"""Media files: containers, decoders and time stamps."""
