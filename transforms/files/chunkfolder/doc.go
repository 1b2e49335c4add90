// Package chunkfolder is a folder of files that hold one chunk of offsets each, of any
// number of partitions: what an output and an archive have in common.
//
//	kind/topic+partition/block/topic+partition+start+end.ext
//	_partial/kind/topic+partition/topic+partition+start+end.ext
//
// It knows the names, how chunks are divided among folders, the entries of the journal
// that say so and where a partition begins, marks of how far it was found complete, and
// how to sweep what interrupted jobs left. It does not know when a chunk is complete:
// that depends on what the files hold.
package chunkfolder
