"""What users of a running server say: kept on disk before it is acknowledged."""
