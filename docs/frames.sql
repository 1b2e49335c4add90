-- Every frame of an output once, for DuckDB: of complete chunks, and of those that are not
-- full yet. While a chunk grows or is completed its rows lie in two files for a moment; then
-- the complete one counts, or the longer one. A file that is replaced while it is read is an
-- error of DuckDB: ask again.
--
--   duckdb -init docs/frames.sql -c "select camera, count(*) from frames('out/analysis') group by camera"
create or replace macro records(output) as table
    select * exclude (filename) from (
        select distinct on (topic, "partition", "offset") *
        from read_parquet(output || '/**/*.parquet', filename = true, hive_partitioning = false, union_by_name = true)
        order by topic, "partition", "offset", contains(filename, '/_partial/'), filename desc);

create or replace macro frames(output) as table
    select * from records(output) where status not in ('source', 'source_repeat');

-- What happened to the cameras' sources, which is no frame: docs/sources.md.
create or replace macro sources(output) as table
    select
        camera,
        captured as happened,
        reason as source_state,                 -- started, lost, back, stopped, ended, failed
        nullif(detail, '') as why,
        epoch as epoch_id,                      -- of the last frame before
        "sequence" as frame_number,
        topic,
        "partition" as log_partition,
        "offset" as log_offset,
        "timestamp" as log_time
    from records(output) where status = 'source';

-- What happened, and what was found, as flat tables: a row per event, and a row per detection.
-- NULL is what is not known or does not matter: a track of no object, an event without a rule;
-- offset 0 is an offset. No column has the name of another or a word of SQL for a name. They
-- are those of framebeam events --format csv, and docs/history.md says what they mean.
--
--   duckdb -init docs/frames.sql -c "select event_type, rule_name, count(*) from events('out/analysis') group by all"
create or replace macro events(output) as table
    select
        e.id as event_id,                       -- the same whenever the same is found in the same frames
        camera,
        captured,                               -- TIMESTAMP WITH TIME ZONE
        e.analysis as analysis,
        e.type as event_type,
        nullif(e.rule, '') as rule_name,        -- of a line, a zone, …
        nullif(e.transition, '') as transition,
        nullif(e.track, 0) as track_id,         -- of an object
        nullif(e.label, '') as object_label,
        e.value as amount,                      -- what the type says: seconds, a number; else 0
        e.snapshot as snapshot_offset,          -- of the frame that shows it best
        nullif(e.detail, '') as detail,
        topic,
        log_partition,
        log_offset,
        log_time,                               -- when the log took the frame
        epoch_id,
        frame_number,                           -- in its epoch
        config_digest                           -- framebeam config show
    from (
        select
            unnest(events) as e, camera, captured, topic, "partition" as log_partition, "offset" as log_offset,
            "timestamp" as log_time, epoch as epoch_id, "sequence" as frame_number, nullif(config, '') as config_digest
        from records(output));

create or replace macro detections(output) as table
    select
        camera,
        captured,
        d.analysis as analysis,
        nullif(d.label, '') as object_label,
        d.x as box_x,                           -- pixels of the frame, from its left upper corner
        d.y as box_y,
        d.width as box_width,
        d.height as box_height,
        nullif(d.area, 0) as contour_area,      -- pixels
        d.score as score,                       -- 0 to 1; 1 where the analysis has none
        nullif(d.track, 0) as track_id,
        nullif(d.state, '') as track_state,
        frame_width,
        frame_height,
        topic,
        log_partition,
        log_offset,
        log_time,
        epoch_id,
        frame_number,
        config_digest
    from (
        select
            unnest(detections) as d, camera, captured, width as frame_width, height as frame_height, topic,
            "partition" as log_partition, "offset" as log_offset, "timestamp" as log_time, epoch as epoch_id,
            "sequence" as frame_number, nullif(config, '') as config_digest
        from frames(output));
