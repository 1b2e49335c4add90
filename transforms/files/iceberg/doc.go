// Package iceberg writes tables in the open format Apache Iceberg, version 2, in a folder:
// what Spark, Trino, DuckDB and others read as one table, each row once, whatever is
// written to it meanwhile. It needs no catalog server: the layout is that of Iceberg's
// own Hadoop tables.
//
//	metadata/vN.metadata.json            version N of the table, whole: schema, snapshots
//	metadata/version-hint.text           a recent N, for readers that do not list
//	metadata/NNNNNNNNNN-D.snapshot.avro  a snapshot: its manifests
//	metadata/NNNNNNNNNN-D.manifest.avro  data files with their partition and statistics
//	data/NNNNNNNNNN-D/*.parquet          data files that were written for version N
//
// It is a part of the format: tables are partitioned by two columns, the texts camera and
// the dates day; files are added and replaced whole; there are no deletes of rows.
// See https://iceberg.apache.org/spec/ for what the fields mean.
//
// # Commits
//
// A commit creates vN+1.metadata.json exclusively, and so settles who comes first: of two
// that began with version N one wins, and the other gets [ErrConflict] and has changed
// nothing. There are no locks and no clock.
//
// Every file names the version that it was written for, and D, a digest of what the commit
// is made of: files with one name have one content. What was written for a version that has
// been taken, and is in no snapshot, can never become part of the table, and is removed by
// whoever commits next ([Table.Collect]). So a crash leaves the table as it was or as it
// should be, and what lies about is swept without looking at times. Versions are removed in
// the end too; a commit that was held up for so long that its own number is free again
// finds that there are higher ones and takes itself back: the highest is the table, always.
package iceberg
