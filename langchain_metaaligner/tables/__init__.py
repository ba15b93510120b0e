"""Files of rows, for every room: CSV, JSONL, Parquet, problems of rows, the ledger of a run."""
