"""Files, local or remote, and tables in them: csv, tsv, jsonl, parquet, cut into chunks that can be read apart."""
