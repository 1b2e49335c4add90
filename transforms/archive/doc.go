// Package archive keeps a topic's records as files, and reads them again as the
// log that they were: what is reprocessed is exactly what was analysed.
//
// An archive is a folder. Each chunk of offsets of a partition is one Avro
// Object Container File,
//
//	frames/topic+partition/block/topic+partition+start+end.avro
//
// with the chunk's first and last offset, and the chunk that has only begun is
// one below _partial/frames/. block is the first offset of the chunks that share
// the folder, see chunkfolder.Layout. The records are Kafka's as they are: whether
// they can be read as frames is not looked at. Nothing and an empty byte string
// stay apart, as do the order and the repeats of headers.
//
// A file has its name only when all of it is there, and is never changed after.
// The records of a chunk under the file's name are the same bytes every time, so
// a file that is written twice is compared, not replaced. What Avro itself
// cannot tell, the format adds: each record carries its digest, and the last one
// a summary of all, so that a file cut between two blocks, a changed byte and a
// lost record are found when it is read. Number of records, last offset and
// highest timestamp can be read off a file's last bytes alone.
//
// Header keys are Avro strings; if a producer wrote one that is not UTF-8, this
// package keeps its bytes, but strict readers in other languages refuse the file.
package archive
