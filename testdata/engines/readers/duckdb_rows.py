"""Prints the rows of the results below a folder as JSON Lines, read by DuckDB."""
import json
import sys

import duckdb

rows = duckdb.connect().execute(
    "select partition, \"offset\", epoch_us(timestamp) as timestamp, camera, epoch, sequence, bytes,"
    " status, reason, quality, detections from read_parquet(?)",
    [sys.argv[1] + "/results/**/*.parquet"],
)
names = [column[0] for column in rows.description]
for row in rows.fetchall():
    print(json.dumps(dict(zip(names, row))))
