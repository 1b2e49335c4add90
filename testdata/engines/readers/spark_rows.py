"""Prints the rows of an output as JSON Lines and what an archive holds, read by Spark."""
import json
import sys

from pyspark.sql import SparkSession

output, archive = sys.argv[1:]
spark = (
    SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    .config("spark.sql.shuffle.partitions", "1").config("spark.sql.session.timeZone", "UTC").getOrCreate()
)


def nested():
    return spark.read.option("recursiveFileLookup", True)


rows = nested().parquet(output + "/results")
for row in rows.selectExpr(
    "partition", "offset", "unix_micros(timestamp) as timestamp", "camera", "epoch", "sequence", "bytes",
    "status", "reason", "quality", "detections",
).toJSON().collect():
    print("row", row)
# Of the whole output only the results count: neither partial ones nor the journal.
whole = nested().option("pathGlobFilter", "*.parquet").parquet(output)
print("whole", whole.count())
records = nested().format("avro").load(archive + "/frames")
print("archive", json.dumps(records.selectExpr("count(*)", "sum(length(value))", "sum(offset)", "count(end)").first()))
