package output

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strconv"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/crashpoint"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// Generation is the part of an output's history that one configuration made.
type Generation struct {
	Format       int    `json:"format"`
	Number       int    `json:"number"` // from 1
	ConfigDigest string `json:"config_digest"`
	Config       string `json:"config"` // the effective configuration, for people
	CodeVersion  string `json:"code_version"`
	OpenCV       string `json:"opencv"`
	Arch         string `json:"arch"` // GOARCH
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

func readGeneration(ctx context.Context, f *store.Folder, number int) (g Generation, err error) {
	return g, f.ReadJSONOf(ctx, generationFile(number), []int{journalFormat, insideFormat, seededFormat}, &g)
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

// next is the next generation.
func (o *Output) next(ctx context.Context, cfg OpenConfig) (Generation, error) {
	g := Generation{
		Format: journalFormat, Number: len(o.gens) + 1, ConfigDigest: cfg.ConfigDigest, Config: cfg.ConfigText,
		CodeVersion: cfg.CodeVersion, OpenCV: cfg.OpenCV, Arch: runtime.GOARCH,
		Began: map[string]int64{}, Effective: map[string]int64{},
	}
	if len(o.gens) > 0 {
		parts, err := listPartitions(ctx, o.folder)
		if err != nil {
			return g, err
		}
		for _, p := range parts {
			start, next, err := o.extent(ctx, p)
			if err != nil {
				return g, err
			}
			if start == chunk.None {
				continue
			}
			upTo, err := o.shown(ctx, p, next)
			if err != nil {
				return g, err
			}
			inside := upTo > max(start, next*o.layout.N)
			seeded, err := o.seededAt(ctx, p, start)
			if err != nil {
				return g, err
			}
			if next > chunk.Of(start, o.layout.N) || inside || seeded {
				g.Began[p.Key()] = next
			}
			if inside {
				g.Format, g.Effective[p.Key()] = insideFormat, upTo
			}
		}
	}
	return g, nil
}

// begin creates the next generation; the error is fs.ErrExist if another job did.
func (o *Output) begin(ctx context.Context, cfg OpenConfig) error {
	g, err := o.next(ctx, cfg)
	if err != nil {
		return err
	}
	if err := o.freeze(ctx, g); err != nil {
		return err
	}
	b, err := journal.Marshal(g)
	if err != nil {
		return err
	}
	crashpoint.At("journal-generation")
	if err := o.folder.CreateExclusive(ctx, generationFile(g.Number), b); err != nil {
		return err
	}
	crashpoint.At("journal-generation")
	return o.joined(ctx, g)
}

// joined adds a generation that was just begun.
func (o *Output) joined(ctx context.Context, g Generation) error {
	o.gens = append(o.gens, g)
	// What was complete for the generation before is so for this one, which keeps it.
	for key, next := range g.Began {
		if err := o.setMark(ctx, key, next); err != nil {
			return err
		}
	}
	return nil
}
