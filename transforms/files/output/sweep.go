package output

import (
	"context"
	"fmt"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
)

// Sweep removes temporary files. A job calls it when it starts.
//
// It looks where this Output has looked for the
// end of a partition's chunks, or else from the mark on: nobody writes below.
func (o *Output) Sweep(ctx context.Context) error {
	dirs := []string{journalDir}
	parts, err := listPartitions(ctx, o.folder)
	if err != nil {
		return fmt.Errorf("sweep output: %w", err)
	}
	for _, p := range parts {
		dirs = append(dirs, partitionDir(p.Key()), o.layout.PartitionFolder(partialsDir, p), o.layout.PartitionFolder(partialImagesDir, p))
		blocks, err := o.unfinished(ctx, p)
		if err != nil {
			return fmt.Errorf("sweep output: %w", err)
		}
		dirs = append(dirs, blocks...)
	}
	if err := chunkfolder.SweepTemporary(ctx, o.folder, dirs...); err != nil {
		return fmt.Errorf("sweep output: %w", err)
	}
	return nil
}

// unfinished lists the folders of a partition's blocks in which there may be
// temporary files.
func (o *Output) unfinished(ctx context.Context, p chunk.Partition) (dirs []string, err error) {
	o.mu.Lock()
	from, ok := o.from[p.Key()]
	o.mu.Unlock()
	if !ok {
		from = o.layout.BlockOf(max(0, readMark(ctx, o.folder, p.Key()).Chunk-1))
	}
	for _, dir := range []string{resultsDir, statesDir, imagesDir} {
		folders, err := o.layout.Folders(ctx, o.folder, dir, p, from)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, folders...)
	}
	return dirs, nil
}

// SweepPartials removes a partition's partial files that are damaged or of
// another configuration. A job that will read the partition, and so make them
// again, calls it. Good ones stay: another job may have just written them. Pictures
// without a partial file go too.
func (o *Output) SweepPartials(ctx context.Context, p chunk.Partition) error {
	// Pictures are written before their partial file, by a job that looks for them afterwards.
	packs, err := o.folder.List(ctx, o.layout.PartitionFolder(partialImagesDir, p)+"*"+imagesExt)
	var c *contents
	if err == nil {
		c, err = o.contents(p)
	}
	if err == nil {
		err = c.listPartials(ctx)
	}
	if err != nil {
		return fmt.Errorf("sweep output: %w", err)
	}
	if err := c.showHead(ctx); err != nil {
		return fmt.Errorf("sweep output: %w", err)
	}
	for _, n := range c.partials {
		lineage, err := readLineage(ctx, o.folder, o.layout.partial(n))
		if err == nil && lineage == c.lineage(chunk.Of(n.Start, o.layout.N)) {
			continue
		}
		if err := o.folder.Remove(ctx, o.layout.partial(n)); err != nil {
			return fmt.Errorf("sweep output: %w", err)
		}
	}
	if err := c.sweepPacks(ctx, packs); err != nil {
		return fmt.Errorf("sweep output: %w", err)
	}
	return nil
}

// sweepPacks removes those of the partition's partial packs that have no partial file.
func (c *contents) sweepPacks(ctx context.Context, packs []string) error {
	if len(packs) == 0 {
		return nil
	}
	if err := c.listPartials(ctx); err != nil {
		return err
	}
	keep := map[string]bool{}
	for _, n := range c.partials {
		keep[c.o.layout.partialImages(n)] = true
	}
	for _, file := range packs {
		if keep[file] {
			continue
		}
		if err := c.o.folder.Remove(ctx, file); err != nil {
			return err
		}
	}
	return nil
}
