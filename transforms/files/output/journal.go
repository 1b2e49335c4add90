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

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// journalFormat is the version of the journal's files. Fields may be added
// within a version; a file of another version is refused. The version also says
// where the output's files lie: 1 had all of a kind in one folder.
const journalFormat = 2

// insideFormat is the version of a generation that begins inside a chunk, which a
// program that knows only the one before must not go on from.
const insideFormat = 3

// layoutFormat is the version of layout.json. 2 had no '+' before the names of topics
// that begin with '_' or '.'.
const layoutFormat = 3

const layoutFile = journalDir + "layout.json"

type layoutEntry struct {
	Format int `json:"format"`
	Layout
}

type base struct {
	Format    int    `json:"format"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Start     int64  `json:"start"` // the first offset that the output has
}

// A partition has a folder in the journal.
func partitionDir(key string) string { return journalDir + key + "/" }

func baseFile(topic string, partition int32) string {
	return partitionDir(partitionKey(topic, partition)) + "base.json"
}

// retainedFile says that everything before start is no longer kept. Of several
// the highest counts.
func retainedFile(topic string, partition int32, start int64) string {
	return fmt.Sprintf("%sretained+%0*d.json", partitionDir(partitionKey(topic, partition)), offsetDigits, start)
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
	// Effective holds, by topic+partition, from which offset on the configuration
	// holds where a part of the chunk of Began had been published already: what it
	// says before that offset stays (see head).
	Effective map[string]int64 `json:"effective,omitempty"`
}

func generationFile(number int) string {
	return fmt.Sprintf("%sgeneration-%06d.json", journalDir, number)
}

// governor is the generation that makes a partition's chunks from a chunk on.
type governor struct {
	from       int64 // chunk
	at         int64 // offset inside it, from which on the configuration holds; 0: from its beginning
	generation int
	config     string // digest
	lineage    string
	before     string // lineage of the rows before at
}

// less reports whether the governor begins before another place.
func (g *governor) less(from, at int64) bool { return g.from < from || g.from == from && g.at < at }

// governors returns who makes which chunks of a partition, in ascending order.
//
// A lineage identifies all that the content of a file depends on beside the
// log: the configuration and, where states were carried over from another one,
// that one's lineage and the chunk, or the offset inside it, of the change. Where a generation starts at a
// partition's base its lineage follows from the configuration alone: so a live
// output and one made again later have the same bytes.
func governors(gens []Generation, key string) []governor {
	var govs []governor
	for _, g := range gens {
		from, at := g.Began[key], g.Effective[key]
		for len(govs) > 0 && !govs[len(govs)-1].less(from, at) {
			govs = govs[:len(govs)-1]
		}
		next := governor{from: from, generation: g.Number, config: g.ConfigDigest}
		if len(govs) == 0 {
			next.from = 0
			next.lineage = digest("framebeam lineage", g.ConfigDigest)
			govs = append(govs, next)
			continue
		}
		last := &govs[len(govs)-1]
		if at > 0 {
			next.at, next.before = at, last.lineage
		}
		switch {
		case last.config == g.ConfigDigest:
			// What came between left nothing: as if it had never been.
			next.lineage = last.lineage
		case at > 0:
			next.lineage = digest("framebeam lineage", g.ConfigDigest, last.lineage, strconv.FormatInt(from, 10), strconv.FormatInt(at, 10))
		default:
			next.lineage = digest("framebeam lineage", g.ConfigDigest, last.lineage, strconv.FormatInt(from, 10))
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

func readLayout(ctx context.Context, f *store.Folder) (Layout, error) {
	var l layoutEntry
	if err := f.ReadJSONOf(ctx, layoutFile, []int{2, layoutFormat}, &l); err != nil {
		return Layout{}, err
	}
	l.Plain = l.Format < layoutFormat
	if l.N < 1 || l.Block < 1 {
		return Layout{}, fmt.Errorf("read %s: %d offsets per chunk, %d chunks per folder", f.Path(layoutFile), l.N, l.Block)
	}
	return l.Layout, nil
}

func readGeneration(ctx context.Context, f *store.Folder, number int) (g Generation, err error) {
	return g, f.ReadJSONOf(ctx, generationFile(number), []int{journalFormat, insideFormat}, &g)
}

// readGenerations reads generations 1 to the last, or to limit if it is above 0.
func readGenerations(ctx context.Context, f *store.Folder, limit int) ([]Generation, error) {
	var gens []Generation
	for number := 1; limit <= 0 || number <= limit; number++ {
		g, err := readGeneration(ctx, f, number)
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

// readBase returns the first offset that the output has of a partition, or
// chunk.None if no job has begun it.
func readBase(ctx context.Context, f *store.Folder, topic string, partition int32) (int64, error) {
	file := baseFile(topic, partition)
	retained, err := f.List(ctx, partitionDir(partitionKey(topic, partition))+"retained+*.json")
	if err != nil {
		return 0, err
	}
	if len(retained) > 0 {
		file = retained[len(retained)-1]
	}
	var b base
	err = f.ReadJSON(ctx, file, journalFormat, &b)
	if errors.Is(err, fs.ErrNotExist) && len(retained) == 0 {
		return chunk.None, nil
	}
	if err != nil {
		return 0, err
	}
	if b.Start < 0 || b.Topic != topic || b.Partition != partition || len(retained) > 0 && file != retainedFile(topic, partition, b.Start) {
		return 0, fmt.Errorf("read %s: it says topic %s partition %d start %d", f.Path(file), b.Topic, b.Partition, b.Start)
	}
	return b.Start, nil
}

// listPartitions returns topic+partition of every partition that has a folder in
// the journal.
func listPartitions(ctx context.Context, f *store.Folder) ([]string, error) {
	folders, err := f.Folders(ctx, journalDir)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, key := range folders {
		if _, _, err := parsePartitionKey(key); err == nil {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// mark says how far a partition's files were found complete and of the right
// lineage, so that a start need neither list nor read all of them again. What it
// says holds for the generation it was made in. Without it, everything is
// verified anew, so it may be removed at any time.
type mark struct {
	Format     int   `json:"format"`
	Generation int   `json:"generation"`
	Chunk      int64 `json:"chunk"` // all chunks from the base to here, exclusive
}

func markFile(key string) string { return partitionDir(key) + "verified.json" }

// readMark returns the partition's mark. One that cannot be read is as good as none.
func readMark(ctx context.Context, f *store.Folder, key string) mark {
	var m mark
	if f.ReadJSON(ctx, markFile(key), journalFormat, &m) != nil || m.Chunk < 0 || m.Generation < 1 {
		return mark{}
	}
	return m
}

// writeMark replaces the partition's mark, unless that is of a newer generation.
func writeMark(ctx context.Context, f *store.Folder, key string, generation int, chunk int64) error {
	if readMark(ctx, f, key).Generation > generation {
		return nil
	}
	b, err := marshalJSON(mark{journalFormat, generation, chunk})
	if err != nil {
		return err
	}
	return f.WriteAtomic(ctx, markFile(key), b)
}
