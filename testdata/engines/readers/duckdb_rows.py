"""Prints the rows of the results below a folder as JSON Lines, read by DuckDB: those of
complete chunks, or all of them by the macro in a file that is named too."""
import json
import sys

import duckdb

db = duckdb.connect()
source, below = "read_parquet(?)", sys.argv[1] + "/results/**/*.parquet"
if len(sys.argv) > 2:
    with open(sys.argv[2]) as macro:
        db.execute(macro.read())
    source, below = "frames(?)", sys.argv[1]
rows = db.execute(
    "select partition, \"offset\", epoch_us(timestamp) as timestamp, camera, epoch, sequence, bytes,"
    " status, reason, quality, detections from " + source,
    [below],
)
names = [column[0] for column in rows.description]
for row in rows.fetchall():
    print(json.dumps(dict(zip(names, row))))
