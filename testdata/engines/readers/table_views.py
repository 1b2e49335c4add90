"""Prints what DuckDB counts in the views that a file makes of tables: frames, different ones, and events."""
import sys

import duckdb

db = duckdb.connect()
with open(sys.argv[1]) as views:
    db.execute(views.read())
counts = "select count(*), count(distinct (log_partition, log_offset)), (select count(*) from events) from frames"
print(*db.execute(counts).fetchone())
