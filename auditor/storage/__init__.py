"""Files, local or remote, and tables (delimited text, JSON, parquet, Arrow) in chunks that can be read separately."""
