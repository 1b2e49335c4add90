// Package board makes a storyboard of an output: its scenes, each by the frames that show it
// best, what happened in them, and where the same is seen again, as a page and as a table.
package board

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/pipelines/storyboard/nodes"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/graph"
	"github.com/framebeam/framebeam/transforms/log"
)

// Job makes one storyboard.
type Job struct {
	Runner  launch.Engine
	Output  string   // folder: a local path or scheme://…
	Log     log.Spec // where the frames lie, for the page's pictures
	Cameras []string // only these; none: all
	Period  period.Period
	Every   time.Duration // see nodes.Config
	Page    string        // file of the page, local; "": none
	Table   string        // file of the table, local, by its ending; "": none
	// Pictures is how many key frames the page shows at most.
	Pictures int
	// Work is the folder in which the graph is computed; "": one in the output, which is
	// emptied when the storyboard is done. It must be a path that all workers reach.
	Work string
	// Progress is how often a line about the progress goes to standard error; 0: never.
	Progress time.Duration
}

// Bounds of Pictures.
const (
	DefaultPictures = 160
	MostPictures    = 600
)

// Check returns everything that is wrong with the job.
func (j *Job) Check() error {
	var errs []error
	if strings.TrimSpace(j.Output) == "" {
		errs = append(errs, errors.New("--output is missing"))
	}
	if j.Page == "" && j.Table == "" {
		errs = append(errs, errors.New("--page and --table are both missing: nothing would come of it"))
	}
	if j.Pictures < 1 || j.Pictures > MostPictures {
		errs = append(errs, fmt.Errorf("--pictures=%d: not 1 to %d", j.Pictures, MostPictures))
	}
	if j.Table != "" {
		errs = append(errs, checkTable(j.Table))
	}
	if len(j.Period.During) > 0 && j.Period.Location() == time.Local && !j.Runner.InProcess {
		errs = append(errs, fmt.Errorf("--time-of-day needs --zone with --runner=%s: the clocks of its workers may show another time", j.Runner))
	}
	return errors.Join(append(errs, j.nodes("").Validate())...)
}

func (j *Job) nodes(root string) nodes.Config {
	return nodes.Config{Output: root, Cameras: j.Cameras, Period: nodes.PeriodOf(j.Period), Every: j.Every}
}

// Done says what a job has made.
type Done struct {
	Stats            graph.Stats
	Scenes, Shown    int // scenes that there are, and that the page shows
	Pictures, Missed int // on the page, and frames that the log no longer has
}

// Run makes the storyboard of what is in the output when it starts. A job that was
// interrupted, or whose pipeline failed, goes on where it was when it is run again, unless
// the output has grown.
func (j *Job) Run(ctx context.Context) (Done, error) {
	rows, err := scan.Open(ctx, j.Output)
	if err == nil {
		err = rows.CheckCameras(ctx, j.Cameras)
	}
	if err != nil {
		return Done{}, err
	}
	out := rows.Output()
	cfg := j.nodes(out.Folder().Root())
	files, err := nodes.Files(ctx, rows, cfg)
	if err != nil {
		return Done{}, err
	}
	work, own, err := j.work(ctx, out, cfg, files)
	if err != nil {
		return Done{}, err
	}
	g := graph.Config{Work: work.Root(), Parts: partsFor(len(files))}
	if !j.Runner.InProcess {
		g.Unroll = remoteUnroll
	}
	enough, err := j.build(ctx, work, g, cfg, files)
	if err != nil {
		return Done{}, err
	}
	if !enough {
		err := j.nothing(out)
		if own {
			err = errors.Join(err, empty(ctx, out.Folder(), work))
		}
		return Done{}, err
	}
	stats, err := j.compute(ctx, g)
	if err != nil {
		return Done{}, err
	}
	all, gaps, err := load(ctx, work, g)
	if err != nil {
		return Done{}, err
	}
	done := Done{Stats: stats}
	if j.Table != "" {
		if err := writeTable(j.Table, all, stats.Nodes); err != nil {
			return done, err
		}
	}
	if j.Page != "" {
		if err := j.page(ctx, out, all, gaps, &done); err != nil {
			return done, err
		}
	}
	if own {
		return done, empty(ctx, out.Folder(), work)
	}
	return done, nil
}

const (
	// filesOfPart is about how many results files a part of the graph stands for.
	filesOfPart = 32
	leastParts  = 4
	mostParts   = 256
	// remoteUnroll is how many supersteps a pipeline has where to begin one takes seconds.
	remoteUnroll = 20
)

// partsFor is in how many parts the graph of so many files is computed.
func partsFor(files int) int { return min(mostParts, max(leastParts, files/filesOfPart)) }

// build makes the graph, unless that was done before, and reports whether there is enough in
// it: tracks alone make a table, but no page.
func (j *Job) build(ctx context.Context, work *store.Folder, g graph.Config, cfg nodes.Config, files []nodes.File) (enough bool, err error) {
	if len(files) == 0 {
		return false, nil
	}
	built, err := nodes.Built(ctx, work, g)
	if err != nil {
		return false, err
	}
	if !built {
		if err := j.Runner.Reach(ctx); err != nil {
			return false, err
		}
		p, s := beam.NewPipelineWithRoot()
		nodes.Build(s, cfg, g, files)
		if err := j.run(ctx, p); err != nil {
			return false, err
		}
	}
	for part := range g.Parts {
		some, err := nodes.Read(ctx, work, part)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(some, func(n nodes.Node) bool { return j.Page == "" || n.Kind == nodes.Shot }) {
			return true, nil
		}
	}
	return false, nil
}

// compute computes the graph that was built, or goes on with that.
func (j *Job) compute(ctx context.Context, g graph.Config) (graph.Stats, error) {
	stats, err := g.Stats(ctx)
	if err != nil {
		return stats, err
	}
	if stats.Nodes > mostNodes {
		return stats, fmt.Errorf("%d shots and tracks, at most %d: choose a longer --every, a shorter period or fewer cameras", stats.Nodes, mostNodes)
	}
	if _, err := graph.Components(ctx, j.run, g); err != nil {
		return stats, err
	}
	_, err = graph.PageRank(ctx, j.run, g, graph.RankConfig{})
	return stats, err
}

// run runs a pipeline of the job.
func (j *Job) run(ctx context.Context, p *beam.Pipeline) error {
	return j.Runner.Run(ctx, p, &launch.Meter{Interval: j.Progress, Counters: []launch.Counter{{Name: "framebeam/" + nodes.RowsRead, Label: "frames"}}})
}

// mostNodes is how many nodes the command holds in memory to show them.
const mostNodes = 1_000_000

// Version of what is made of an output: work that another version began is begun anew.
const workVersion = 1

// work is the folder in which this storyboard is computed, and whether it is the job's own.
func (j *Job) work(ctx context.Context, out *output.Output, cfg nodes.Config, files []nodes.File) (*store.Folder, bool, error) {
	question, err := json.Marshal(struct {
		Version, Generation, Parts int
		Config                     nodes.Config
		Files                      []nodes.File
	}{workVersion, len(out.Generations()), partsFor(len(files)), cfg, files})
	if err != nil {
		return nil, false, err
	}
	sum := sha256.Sum256(question)
	name := hex.EncodeToString(sum[:8])
	if j.Work == "" {
		return out.Folder().Sub(workDir + "/" + name), true, nil
	}
	folder, err := store.Open(ctx, j.Work)
	if err != nil {
		return nil, false, err
	}
	return folder.Sub(name), false, nil
}

// workDir is where storyboards are computed, in an output.
const workDir = "_storyboard"

// empty removes what lies in a work folder of an output.
func empty(ctx context.Context, out, work *store.Folder) error {
	dirs, err := work.Folders(ctx, "")
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		names, err := work.List(ctx, dir+"/*")
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := work.Remove(ctx, name); err != nil {
				return err
			}
		}
		// What is left are empty folders, which some filesystems cannot remove so; one with
		// files, of another storyboard, none can.
		_ = work.Remove(ctx, dir+"/"+store.TempDir)
		_ = work.Remove(ctx, dir)
	}
	_ = out.Remove(ctx, strings.TrimPrefix(work.Root(), out.Root()+"/"))
	_ = out.Remove(ctx, workDir)
	return nil
}

// nothing says why there is not enough to show.
func (j *Job) nothing(out *output.Output) error {
	made, err := j.settings(out)
	if err != nil {
		return err
	}
	text := made.ConfigText
	if !strings.Contains(text, "perceptual_hash") {
		return fmt.Errorf("%s: no frame has a perceptual hash, by which a storyboard compares frames: analyse them with\n"+
			"    perceptual_hash: true\n    histogram: true   # optional: tells colours apart\n    cuts: true        # of films: their shots\n"+
			"in the configuration (of an archive with reprocess, into another output)", j.Output)
	}
	return fmt.Errorf("%s: no frame with a perceptual hash was captured in the time asked for, %v", j.Output, j.Period)
}

// settings are how the output was made last.
type settings struct {
	ConfigText string
	Parse      frame.ParseOptions
}

func (j *Job) settings(out *output.Output) (settings, error) {
	gens := out.Generations()
	if len(gens) == 0 {
		return settings{}, nil
	}
	last := gens[len(gens)-1]
	made, err := profiles.Recorded(last.Config)
	if err != nil {
		return settings{}, fmt.Errorf("output %s: %w", j.Output, err)
	}
	return settings{last.Config, made.Parse}, nil
}
