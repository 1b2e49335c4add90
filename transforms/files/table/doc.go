// Package table keeps an output's results as tables for analysts: large files by camera and
// day instead of one per chunk, in the format Iceberg (see package iceberg), which Spark,
// Trino, DuckDB and others read as a table, each row once.
//
//	frames/   a row per frame, with its detections, events and features as lists
//	events/   a row per event
//
// Every snapshot of a table has all rows of a partition's complete chunks up to an offset,
// and says up to which, and of which lineages the chunks were. An update goes on from there,
// so it may be interrupted, killed or run twice at once: of two runs one commits, the other
// stops with [iceberg.ErrConflict] and has changed nothing.
//
// An update appends what is new in commits of bounded size, a file for each camera and day.
// Then it makes one file of the small ones of days that are over, and of eight of a size on
// days that are not: files of many sizes, each row written again a few times at most.
package table
