-- Every row of an output once, for DuckDB: of complete chunks, and of those that are not
-- full yet. While a chunk grows or is completed its rows lie in two files for a moment; then
-- the complete one counts, or the longer one. A file that is replaced while it is read is an
-- error of DuckDB: ask again.
--
--   duckdb -init docs/frames.sql -c "select camera, count(*) from frames('out/analysis') group by camera"
create or replace macro frames(output) as table
    select * exclude (filename) from (
        select distinct on (topic, "partition", "offset") *
        from read_parquet(output || '/**/*.parquet', filename = true, hive_partitioning = false, union_by_name = true)
        order by topic, "partition", "offset", contains(filename, '/_partial/'), filename desc);
