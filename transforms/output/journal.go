package output

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/store"
)

// journalFormat is the version of the journal's files. Fields may be added
// within a version; a file of another version is refused.
const journalFormat = 1

const layoutFile = journalDir + "layout.json"

type layout struct {
	Format int   `json:"format"`
	N      int64 `json:"n"` // offsets per chunk
}

type base struct {
	Format    int    `json:"format"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Start     int64  `json:"start"` // the first offset that the output has
}

func baseFile(topic string, partition int32) string {
	return journalDir + "base+" + partitionKey(topic, partition) + ".json"
}

// Generation is the part of an output's history that one configuration made.
type Generation struct {
	Format       int    `json:"format"`
	Number       int    `json:"number"` // from 1
	ConfigDigest string `json:"config_digest"`
	Config       string `json:"config"` // the effective configuration, for people
	CodeVersion  string `json:"code_version"`
	OpenCV       string `json:"opencv"`
	Arch         string `json:"arch"` // GOARCH
	CPU          string `json:"cpu"`  // features that decide OpenCV's dispatch
	// Began holds, by topic+partition, the first chunk that this generation
	// makes where it keeps chunks of generations before it. All other
	// partitions it makes from their base.
	Began map[string]int64 `json:"began"`
}

func generationFile(number int) string {
	return fmt.Sprintf("%sgeneration-%06d.json", journalDir, number)
}

// governor is the generation that makes a partition's chunks from a chunk on.
type governor struct {
	from       int64
	generation int
	config     string // digest
	lineage    string
}

// governors returns who makes which chunks of a partition, in ascending order.
//
// A lineage identifies all that the content of a file depends on beside the
// log: the configuration and, where states were carried over from another one,
// that one's lineage and the chunk of the change. Where a generation starts at a
// partition's base its lineage follows from the configuration alone: so a live
// output and one made again later have the same bytes.
func governors(gens []Generation, key string) []governor {
	var govs []governor
	for _, g := range gens {
		from := g.Began[key]
		for len(govs) > 0 && govs[len(govs)-1].from >= from {
			govs = govs[:len(govs)-1]
		}
		next := governor{from: from, generation: g.Number, config: g.ConfigDigest}
		switch {
		case len(govs) == 0:
			next.from = 0
			next.lineage = digest("framebeam lineage", g.ConfigDigest)
		case govs[len(govs)-1].config == g.ConfigDigest:
			// What came between left no chunk: as if it had never been.
			next.lineage = govs[len(govs)-1].lineage
		default:
			next.lineage = digest("framebeam lineage", g.ConfigDigest, govs[len(govs)-1].lineage, strconv.FormatInt(from, 10))
		}
		govs = append(govs, next)
	}
	return govs
}

// governing returns the governor of chunk k.
func governing(gens []Generation, key string, k int64) governor {
	var found governor
	for _, g := range governors(gens, key) {
		if g.from <= k {
			found = g
		}
	}
	return found
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func marshalJSON(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode journal entry: %w", err)
	}
	return append(b, '\n'), nil
}

func readLayout(ctx context.Context, f *store.Folder) (layout, error) {
	var l layout
	if err := f.ReadJSON(ctx, layoutFile, journalFormat, &l); err != nil {
		return layout{}, err
	}
	if l.N < 1 {
		return layout{}, fmt.Errorf("read %s: %d offsets per chunk", f.Path(layoutFile), l.N)
	}
	return l, nil
}

// readGenerations reads generations 1 to the last, or to limit if it is above 0.
func readGenerations(ctx context.Context, f *store.Folder, limit int) ([]Generation, error) {
	var gens []Generation
	for number := 1; limit <= 0 || number <= limit; number++ {
		var g Generation
		err := f.ReadJSON(ctx, generationFile(number), journalFormat, &g)
		if errors.Is(err, fs.ErrNotExist) && limit <= 0 {
			return gens, nil
		}
		if err != nil {
			return nil, err
		}
		if g.Number != number {
			return nil, fmt.Errorf("read %s: it says generation %d", f.Path(generationFile(number)), g.Number)
		}
		gens = append(gens, g)
	}
	return gens, nil
}

// readBase returns the partition's first offset, or chunk.None if no job has begun it.
func readBase(ctx context.Context, f *store.Folder, topic string, partition int32) (int64, error) {
	var b base
	err := f.ReadJSON(ctx, baseFile(topic, partition), journalFormat, &b)
	if errors.Is(err, fs.ErrNotExist) {
		return chunk.None, nil
	}
	if err != nil {
		return 0, err
	}
	if b.Start < 0 || b.Topic != topic || b.Partition != partition {
		return 0, fmt.Errorf("read %s: it says topic %s partition %d start %d", f.Path(baseFile(topic, partition)), b.Topic, b.Partition, b.Start)
	}
	return b.Start, nil
}

// listBases returns topic+partition of every partition that was begun.
func listBases(ctx context.Context, f *store.Folder) ([]string, error) {
	files, err := f.List(ctx, journalDir+"base+*.json")
	if err != nil {
		return nil, err
	}
	keys := make([]string, 0, len(files))
	for _, file := range files {
		key := strings.TrimSuffix(strings.TrimPrefix(file, journalDir+"base+"), ".json")
		if _, _, err := parsePartitionKey(key); err != nil {
			return nil, fmt.Errorf("journal file %s: %w", f.Path(file), err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// verified marks how far a partition's files were found complete and of the
// right lineage, so that a restart need not read their metadata again.
type verified struct {
	Format  int    `json:"format"`
	Lineage string `json:"lineage"` // of the chunk before Chunk
	Chunk   int64  `json:"chunk"`   // all chunks from the base to here, exclusive
}

func verifiedFile(key string) string { return journalDir + "verified+" + key + ".json" }
