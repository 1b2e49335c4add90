package output

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sync"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/result"
)

// Progress is how far an output has come in a partition.
type Progress struct {
	// Base is the first offset that the output has; chunk.None: no job has begun it.
	Base int64
	// Complete is the end of the contiguous complete chunks, an offset: where a job goes on.
	Complete int64
	// Shown is up to which offset, exclusive, readers see rows, those of a chunk that is
	// not full too. Offsets below that may hold nothing.
	Shown int64
	// Timestamp is that of the last row before Shown, in milliseconds since 1970 UTC; 0: not
	// known, since there is no row.
	Timestamp int64
}

// Watcher is asked again and again how far an output has come. What it knows it does not look
// up again: where nothing has happened a look at a partition costs a listing of its
// partial files and a question for one file. It writes nothing. Different partitions may be
// looked at at the same time.
type Watcher struct {
	o   *Output
	now func() time.Time

	mu    sync.Mutex
	parts map[chunk.Partition]*watched
}

// watched is what is known of a partition.
type watched struct {
	o          *Output
	partials   map[chunkfolder.Name]record // see contents.records
	base, next int64                       // next is the first chunk that is not complete
	looked     time.Time                   // when everything was looked at; zero: not yet
	file       string                      // of the last row
	timestamp  int64
}

// lookAll is after how long everything is looked at again: for what retention has raised,
// and for files that were put there or removed by hand.
const lookAll = time.Minute

// Watcher watches the output.
func (o *Output) Watcher() *Watcher {
	return &Watcher{o: o, now: time.Now, parts: map[chunk.Partition]*watched{}}
}

// reading is the output for somebody who keeps marks for himself.
func (o *Output) reading() *Output {
	return &Output{folder: o.folder, layout: o.layout, gens: o.gens, planned: &planned{len(o.gens), map[string]int64{}, map[string]chunkfolder.Mark{}}}
}

// Output is the output as it is open.
func (w *Watcher) Output() *Output { return w.o }

// Refresh looks whether there are newer generations: then chunks may be made anew. No
// partition may be looked at meanwhile.
func (w *Watcher) Refresh(ctx context.Context) error {
	switch _, err := readGeneration(ctx, w.o.folder, len(w.o.gens)+1); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("read output: %w", err)
	}
	o, err := OpenExisting(ctx, w.o.folder)
	if err != nil {
		return err
	}
	w.o = o
	clear(w.parts)
	return nil
}

func (w *Watcher) watched(p chunk.Partition) *watched {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.parts[p]
	if at == nil {
		at = &watched{o: w.o.reading(), partials: map[chunkfolder.Name]record{}}
		w.parts[p] = at
	}
	return at
}

// Look says how far the output has come in a partition.
func (w *Watcher) Look(ctx context.Context, p chunk.Partition) (Progress, error) {
	at := w.watched(p)
	for try := 1; ; try++ {
		g, err := at.look(ctx, p, w.now())
		if errors.Is(err, fs.ErrNotExist) && try < lookAttempts {
			at.looked = time.Time{} // a job or retention was faster
			continue
		}
		if err != nil {
			return Progress{}, fmt.Errorf("progress of %v: %w", p, err)
		}
		return g, nil
	}
}

func (w *watched) look(ctx context.Context, p chunk.Partition, now time.Time) (g Progress, err error) {
	if w.looked.IsZero() || now.Sub(w.looked) >= lookAll {
		if w.base, w.next, err = w.o.extent(ctx, p); err != nil {
			return Progress{}, err
		}
		w.looked = now
	}
	if w.base == chunk.None {
		return Progress{Base: chunk.None, Complete: chunk.None, Shown: chunk.None}, nil
	}
	c, err := w.o.contents(p)
	if err != nil {
		return Progress{}, err
	}
	c.records = w.partials
	var files []File
	for {
		if err := w.advance(ctx, c); err != nil {
			return Progress{}, err
		}
		if err := c.listPartials(ctx); err != nil {
			return Progress{}, err
		}
		g = Progress{Base: w.base, Complete: max(w.base, w.next*w.o.layout.N)}
		var upTo int64
		if files, upTo, err = c.beginning(ctx, w.next); err != nil {
			return Progress{}, err
		}
		g.Shown = max(g.Complete, upTo)
		if len(files) > 0 {
			break
		}
		// The whole chunk may have just taken its beginning's place.
		if there, err := w.there(ctx, p); err != nil {
			return Progress{}, err
		} else if !there {
			break
		}
		c.listed = nil
		if is, err := c.complete(ctx, w.next, false); err != nil {
			return Progress{}, err
		} else if !is {
			break
		}
	}
	var file File
	if n := len(files); n > 0 {
		file = files[n-1]
	} else if w.next > chunk.Of(w.base, w.o.layout.N) {
		if file, err = c.last(ctx, w.next-1); err != nil {
			return Progress{}, err
		}
	}
	g.Timestamp, err = w.last(ctx, file.Name)
	return g, err
}

// there reports whether there are results of the next chunk under their own name.
func (w *watched) there(ctx context.Context, p chunk.Partition) (bool, error) {
	name, err := chunkfolder.NameOf(chunk.ID{Partition: p, Index: w.next}, w.o.layout.N)
	if err != nil {
		return false, err
	}
	return w.o.folder.Exists(ctx, w.o.layout.results(name))
}

// advance passes over chunks that have become complete.
func (w *watched) advance(ctx context.Context, c *contents) error {
	for {
		there, err := w.there(ctx, c.Partition)
		if err != nil || !there {
			return err
		}
		if is, err := c.complete(ctx, w.next, false); err != nil || !is {
			return err
		}
		w.next++
	}
}

// last is the results file that holds chunk k, which is complete.
func (c *contents) last(ctx context.Context, k int64) (File, error) {
	name, err := chunkfolder.NameOf(chunk.ID{Partition: c.Partition, Index: k}, c.o.layout.N)
	if err != nil {
		return File{}, err
	}
	file := c.o.layout.results(name)
	if there, err := c.o.folder.Exists(ctx, file); err != nil || there {
		return File{Name: file}, err
	}
	b, err := c.block(ctx, c.o.layout.BlockOf(k))
	if err != nil {
		return File{}, err
	}
	if n, ok := b.covering(k, c.o.layout.N); ok {
		file = c.o.layout.results(n)
	}
	return File{Name: file}, nil
}

// last is the timestamp of the last row of a file, which is read once.
func (w *watched) last(ctx context.Context, file string) (int64, error) {
	if file == "" || path.Base(file) == w.file {
		return w.timestamp, nil
	}
	err := w.o.Read(ctx, file, result.Selection{}, func(rows []result.Frame) error {
		if n := len(rows); n > 0 {
			w.timestamp = rows[n-1].Timestamp
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	w.file = path.Base(file)
	return w.timestamp, nil
}
