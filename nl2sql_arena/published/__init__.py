"""What others publish, read as data: rows of their files, their databases as DuckDB files of ours. For training and benchmark alike."""
