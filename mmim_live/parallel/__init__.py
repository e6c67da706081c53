"""Works on many items in worker processes, on this machine or on a cluster."""
