package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/pipelines/storyboard/board"
	"github.com/framebeam/framebeam/pipelines/storyboard/nodes"
)

func newStoryboard() *cobra.Command {
	c := &cobra.Command{
		Use:   "storyboard",
		Short: "Show a film or a day at a glance: its scenes, and where the same is seen again",
		Long: `Show a film or a day at a glance. Shots that look alike are one scene; of each the page shows
the frames that are most like the others, when it was and what happened, where the same is
seen again, also by another camera, and which objects are perhaps the same thing. These are
suggestions with a score.

It compares what analyses stored with the results: perceptual_hash, which it needs, and if
they are there histogram, cuts (the shots of films) and tracking. Only the page's pictures are
read, from the archive, or else from Kafka.`,
		Example: "  " + program.This + " --output out --archive archive --page storyboard.html\n" +
			"  " + program.This + " --output out --archive archive --camera gate --from yesterday --to today --page day.html\n" +
			"  " + program.This + " --output out --table scenes.parquet --runner flink --endpoint localhost:8099",
	}
	f := c.Flags()
	var j board.Job
	output := flags.Output(f)
	root := flags.Archive(f)
	cameras := flags.Cameras(f)
	f.StringVar(&j.Page, "page", "", "write the page to this `file`, which needs nothing else")
	f.StringVar(&j.Table, "table", "", "write a table to this `file` too, by its ending .parquet, .csv or .jsonl: every shot and track with its "+
		"scene (component), rank, camera and times")
	f.DurationVar(&j.Every, "every", nodes.DefaultEvery, "a shot of each stretch of this `length` of every camera, where cuts tells no key frame")
	f.IntVar(&j.Pictures, "pictures", board.DefaultPictures, "most key `frames` on the page")
	f.StringVar(&j.Work, "work", "", "the `folder` in which the graph is computed and stays, a path or scheme://… that all workers reach (default: "+
		"one in the output, emptied at the end); an interrupted storyboard goes on there")
	period := flags.Period(f)
	kafka := flags.Kafka(f)
	engineFlags(c)
	_ = c.MarkFlagFilename("page", "html")
	c.RunE = func(c *cobra.Command, args []string) error {
		j.Output, j.Cameras, j.Progress = *output, flags.List(*cameras), launch.Interval
		errs := []error{program.NoArguments(args)}
		note := func(err error) { errs = append(errs, err) }
		var err error
		j.Runner, err = launch.Runner()
		note(err)
		j.Period, err = period.Period(time.Now())
		note(err)
		j.Log, err = framesLog(f, *root, kafka, kafka.Check)
		note(err)
		note(j.Check())
		if err := errors.Join(errs...); err != nil {
			return program.Wrong(err)
		}
		return work(c, launch.Command{
			Again: "the next run goes on from there, unless the output has grown",
			Run: func(ctx context.Context) error {
				done, err := j.Run(ctx)
				if err != nil {
					return err
				}
				tellStoryboard(c.OutOrStdout(), &j, done)
				return nil
			},
		})
	}
	return c
}

// tellStoryboard says what was made.
func tellStoryboard(w io.Writer, j *board.Job, done board.Done) {
	s := done.Stats
	fmt.Fprintf(w, "%d shots and tracks, %d edges between them; %d pairs compared, %d left out of full buckets\n", s.Nodes, s.Edges, s.Compared, s.GivenUp)
	if j.Page != "" {
		fmt.Fprintf(w, "%s: %d of %d scenes, %d pictures\n", j.Page, done.Shown, done.Scenes, done.Pictures)
	}
	if done.Missed > 0 {
		fmt.Fprintf(w, "%d pictures are not, or no longer, where frames are read from; the page says which\n", done.Missed)
	}
	if j.Table != "" {
		fmt.Fprintf(w, "table: %s\n", j.Table)
	}
}
