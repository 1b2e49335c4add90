"""Prints what Spark reads of the tables below a folder: their rows as JSON Lines, and how many
files it reads for a camera and a day."""
import sys

from pyspark.sql import SparkSession

root, camera, day = sys.argv[1:]
catalog = "spark.sql.catalog.found"
spark = (
    SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    .config("spark.sql.shuffle.partitions", "1").config("spark.sql.session.timeZone", "UTC")
    .config(catalog, "org.apache.iceberg.spark.SparkCatalog").config(catalog + ".type", "hadoop")
    .config(catalog + ".warehouse", root).getOrCreate()
)


def files(condition):
    rows = spark.sql("select distinct input_file_name() from found.frames where " + condition)
    return rows.count()


for row in spark.sql(
    "select log_partition as partition, log_offset as offset, unix_micros(logged) as timestamp, camera, epoch_id as epoch,"
    " coalesce(frame_number, 0) as sequence, frame_bytes as bytes, status, coalesce(reason, '') as reason,"
    " case when brightness is not null then struct(brightness, contrast, sharpness) end as quality,"
    " transform(detections, d -> struct(d.analysis, coalesce(d.label, '') as label, d.x, d.y, d.width, d.height,"
    " coalesce(d.area, 0) as area, d.score)) as detections from found.frames"
).toJSON().collect():
    print("row", row)
print("events", *spark.sql("select count(*), count(distinct event_id) from found.events").first())
print("nested", *spark.sql("select sum(size(events)) from found.frames").first())
print("all", files("true"))
print("pruned", files("camera = '%s' and day = date'%s'" % (camera, day)))
plan = spark.sql("select * from found.frames where camera = '%s' and day = date'%s'" % (camera, day))
print("plan", plan._jdf.queryExecution().executedPlan().toString().replace("\n", " "))
