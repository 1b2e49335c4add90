// Package retention gives up the old files of an output and an archive: by age and by size,
// oldest first, never what a job needs that goes on, and never a file that is not ours.
//
// Files are shared: one of frames or results holds a chunk of a partition, and so all of
// its cameras. It stays for as long as any camera in it wants it, and what comes after it
// stays too, so that an archive and an output always hold all from a beginning on. Only
// packs of pictures are thinned by camera. A chunk is as old as its newest record, by the
// timestamp that the record has in the log, which for the collector is when it was captured.
//
// What was pinned stays where it is, before that beginning.
//
// The beginning of a partition is raised first, durably, and then files go, the oldest
// first: whoever dies in between leaves an output and an archive that are whole from their
// beginnings on, and the next run removes what is left before them. Jobs may write and
// readers read meanwhile.
package retention
