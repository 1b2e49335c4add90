"""Prints the events and detections of an output as JSON Lines, read by DuckDB through the
macros in a file, and whatever of their columns' names is a word of SQL or comes twice."""
import json
import sys

import duckdb

output, macros = sys.argv[1:]
db = duckdb.connect()
with open(macros) as file:
    db.execute(file.read())
words = {word for word, in db.execute("select keyword_name from duckdb_keywords()").fetchall()}
for table in "events", "detections":
    rows = db.execute(
        "select * replace (epoch_us(captured) as captured, epoch_us(log_time) as log_time) from " + table + "(?)"
        " order by topic, log_partition, log_offset, " + ("event_id" if table == "events" else "analysis, box_x, box_y"),
        [output],
    )
    names = [column[0] for column in rows.description]
    bad = [name for name in names if name.lower() in words or names.count(name) > 1]
    if bad:
        print("bad", json.dumps(bad))
    for row in rows.fetchall():
        print(table, json.dumps(dict(zip(names, row))))
