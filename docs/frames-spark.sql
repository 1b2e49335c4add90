-- Every frame of an output's complete chunks, and from them what happened and what was found as
-- flat tables, for Spark SQL: the columns of docs/frames.sql. Put your output for OUTPUT:
--
--   sed s,OUTPUT,hdfs://namenode:8020/results, docs/frames-spark.sql > views.sql
--   spark-sql -i views.sql -e "select event_type, rule_name, count(*) from events group by all"
--
-- Of results files that earlier versions wrote (framebeam.format 2 and below) Spark's vectorized reader (3.5)
-- takes texts in lists for other ones, or for empty: the ids of events for example. Its other reader is right.
set spark.sql.parquet.enableNestedColumnVectorizedReader = false;

create or replace temporary view records using parquet options (path 'OUTPUT/results', recursiveFileLookup 'true');

create or replace temporary view frames as select * from records where status not in ('source', 'source_repeat');

create or replace temporary view sources as
select
    camera, captured as happened, reason as source_state, nullif(detail, '') as why, epoch as epoch_id, `sequence` as frame_number,
    topic, `partition` as log_partition, `offset` as log_offset, `timestamp` as log_time
from records where status = 'source';

create or replace temporary view events as
select
    e.id as event_id, camera, captured, e.analysis as analysis, e.type as event_type, nullif(e.rule, '') as rule_name,
    nullif(e.transition, '') as transition, nullif(e.track, 0) as track_id, nullif(e.label, '') as object_label, e.value as amount,
    e.snapshot as snapshot_offset, nullif(e.detail, '') as detail, topic, `partition` as log_partition, `offset` as log_offset,
    `timestamp` as log_time, epoch as epoch_id, `sequence` as frame_number, nullif(config, '') as config_digest
from records lateral view explode(events) exploded as e;

create or replace temporary view detections as
select
    camera, captured, d.analysis as analysis, nullif(d.label, '') as object_label, d.x as box_x, d.y as box_y, d.width as box_width,
    d.height as box_height, nullif(d.area, 0) as contour_area, d.score as score, nullif(d.track, 0) as track_id,
    nullif(d.state, '') as track_state, width as frame_width, height as frame_height, topic, `partition` as log_partition,
    `offset` as log_offset, `timestamp` as log_time, epoch as epoch_id, `sequence` as frame_number, nullif(config, '') as config_digest
from frames lateral view explode(detections) exploded as d;
