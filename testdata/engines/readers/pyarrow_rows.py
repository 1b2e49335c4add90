"""Prints the rows of the results below a folder as JSON Lines, read by Arrow, whose tables pandas takes."""
import json
import sys

import pyarrow
import pyarrow.dataset

table = pyarrow.dataset.dataset(sys.argv[1] + "/results", format="parquet").to_table()
at = table.schema.get_field_index("timestamp")
micros = table.column(at).cast(pyarrow.timestamp("us", "UTC")).cast(pyarrow.int64())
names = ["partition", "offset", "timestamp", "camera", "epoch", "sequence", "bytes", "status", "reason", "quality", "detections"]
for row in table.set_column(at, "timestamp", micros).select(names).to_pylist():
    print(json.dumps(row))
