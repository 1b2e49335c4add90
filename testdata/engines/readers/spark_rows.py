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
# Events and detections by the views that the documents give.
with open("../../docs/frames-spark.sql") as file:
    for statement in file.read().replace("OUTPUT", output).split(";"):
        if statement.strip():
            spark.sql(statement)
for table, order in ("events", "event_id"), ("detections", "analysis, box_x, box_y"):
    view = spark.sql("select * from " + table + " order by topic, log_partition, log_offset, " + order)
    rows = view.selectExpr(*[
        "unix_micros(%s) as %s" % (name, name) if name in ("captured", "log_time") else name for name in view.columns
    ])
    for row in rows.toJSON().collect():
        print(table, row)
# Of the whole output only the results count: neither partial ones nor the journal.
whole = nested().option("pathGlobFilter", "*.parquet").parquet(output)
print("whole", whole.count())
records = nested().format("avro").load(archive + "/frames")
print("archive", json.dumps(records.selectExpr("count(*)", "sum(length(value))", "sum(offset)", "count(end)").first()))
