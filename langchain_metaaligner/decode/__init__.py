"""Exact and fast generation: lookup decoding, and passes that callers share."""
