package output

import (
	"context"
	"fmt"
	"io"
	"path"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/result"
)

// What the footers of a block's results files say is kept in one file of the journal,
// topic+partition/statistics+offset.json, where offset is the first of the block. Jobs write
// it now and then, and whoever else read many footers, if he may; it can be removed at any time. It only saves
// work, and is never believed of a file that has another length, or another lineage than
// the one that counts: a results file of a lineage is published once, with the bytes that the
// log gives it.

// statisticsFormat is the version of that file; another one is passed over.
const statisticsFormat = 1

// worthSaving is how many footers must have been read before what they say is written.
const worthSaving = 32

// record is what is known of a file.
type record struct {
	Size       int64             `json:"size"`
	Lineage    string            `json:"lineage"`
	Statistics result.Statistics `json:"statistics"`
}

// blockRecords are the records of a block's files.
type blockRecords struct {
	number  int64
	files   map[string]record // by name without folder
	sizes   map[string]int64  // as they were listed, by name with folder
	unsaved int
}

type savedRecords struct {
	Format int               `json:"format"`
	Files  map[string]record `json:"files"`
}

const statisticsPrefix = "statistics+"

func statisticsFile(l layout, p chunk.Partition, number int64) string {
	return fmt.Sprintf("%s%0*d.json", partitionDir(p.Key())+statisticsPrefix, chunkfolder.OffsetDigits, number*l.Block*l.N)
}

// readRecords reads what was kept of a block: nothing, if it cannot be read.
func readRecords(ctx context.Context, con *contents, number int64) *blockRecords {
	r := &blockRecords{number: number}
	var saved savedRecords
	if con.o.folder.ReadJSON(ctx, statisticsFile(con.o.layout, con.Partition, number), statisticsFormat, &saved) == nil {
		r.files = saved.Files
	}
	if r.files == nil {
		r.files = map[string]record{}
	}
	return r
}

// has reports whether the file is known as it is now.
func (r *blockRecords) has(con *contents, file string) bool {
	base := path.Base(file)
	rec, ok := r.files[base]
	if !ok || rec.Size != r.sizes[file] {
		return false
	}
	n, ok := chunkfolder.ParseFile(base, "", resultsExt)
	return ok && rec.Lineage == con.lineage(chunk.Of(n.Start, con.o.layout.N))
}

func (r *blockRecords) put(file string, rec record) {
	r.files[path.Base(file)] = rec
	r.unsaved++
}

// save keeps what is known of the files that are there, if it is worth it. Who may only
// read keeps nothing.
func (r *blockRecords) save(ctx context.Context, con *contents) {
	if r.unsaved < worthSaving {
		return
	}
	for file := range r.files {
		if _, there := r.sizes[resultsDir+con.o.layout.BlockFolder(con.Partition, r.number)+file]; !there {
			delete(r.files, file)
		}
	}
	b, err := (chunkfolder.Journal{}).Marshal(savedRecords{statisticsFormat, r.files})
	if err == nil {
		_ = con.o.folder.WriteAtomic(ctx, statisticsFile(con.o.layout, con.Partition, r.number), b) // it only saves work
	}
	r.unsaved = 0
}

// keep reads and keeps what the footers of a block's files say. What fails costs those who
// ask some time, and nobody else.
func (c *Catalog) keep(ctx context.Context, p chunk.Partition, number int64) {
	if con, err := c.o.contents(p); err == nil {
		_, _ = c.look(ctx, con, number, 0)
	}
}

// readRecord reads a file's footer.
func readRecord(ctx context.Context, o *Output, file string) (rec record, err error) {
	err = o.folder.ReadAt(ctx, file, func(r io.ReaderAt, size int64) error {
		f, err := result.OpenFile(r, size)
		if err != nil {
			return err
		}
		rec.Size, rec.Lineage = size, f.Meta[lineageKey]
		rec.Statistics, err = f.Statistics()
		return err
	})
	return rec, err
}

// NotesFile is where in the folder, in the journal, notes of a kind, one word, lie about what
// begins at an offset of a partition. Like statistics they only save work, and are never
// believed of another file than the one that they were made of.
func NotesFile(p chunk.Partition, kind string, offset int64) string {
	return fmt.Sprintf("%s%s+%0*d%s", partitionDir(p.Key()), kind, chunkfolder.OffsetDigits, offset, notesExt)
}

const notesExt = ".bin"
