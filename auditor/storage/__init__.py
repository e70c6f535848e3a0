"""Files, local or remote, and tables (csv, tsv, jsonl, parquet) in chunks that can be read separately."""
