package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/pipelines/track/following"
	"github.com/framebeam/framebeam/transforms/vision/tracking"
)

func newTrack() *cobra.Command {
	c := &cobra.Command{
		Use:   "track det.txt",
		Short: "Follow the detections of a MOTChallenge file with the tracker alone",
		Long: `Follow the detections of a MOTChallenge file (det.txt; -: standard input), and write the
tracks as a result file to standard output, so that the tracker can be scored alone.

The tracker is that of the analysis "tracking". A detection's conf is its score; where a
file's do not go from 0 to 1, --high and --low must say what is a good one. Tracks are
numbered from 1 in the order in which they first appear.`,
		Example: "  " + program.This + " --fps 7 det.txt > result.txt\n" +
			"  " + program.This + " --fps 7 --truth gt.txt det.txt > result.txt",
	}
	var j following.Job
	trackFlags(c.Flags(), &j)
	c.RunE = func(c *cobra.Command, args []string) error {
		var files error
		if len(args) == 1 {
			j.Input = args[0]
		} else {
			files = fmt.Errorf("%d files are named, not one", len(args))
		}
		if err := errors.Join(files, j.Check()); err != nil {
			return program.Wrong(err)
		}
		j.Stdin, j.Out, j.Report = c.InOrStdin(), c.OutOrStdout(), console.Default()
		return j.Run()
	}
	return c
}

// trackFlags adds the flags of track, with what they set.
func trackFlags(f *pflag.FlagSet, j *following.Job) {
	j.Tracker = tracking.Default()
	t := &j.Tracker
	f.Float64Var(&j.FPS, "fps", 0, "`frames` per second of the video")
	f.StringVar(&j.Truth, "truth", "", "a gt.txt `file`: print the scores on standard error")
	f.DurationVar(&j.Coast, "coast", 0, "how long a lost track is written where it is expected to be; 0: not at all")
	f.Float64Var(&t.High, "high", t.High, "`conf` from which on a detection begins a track")
	f.Float64Var(&t.Low, "low", t.Low, "`conf` from which on a detection continues a track")
	f.Float64Var(&t.IoU, "iou", t.IoU, "how much a detection must overlap with where a track is expected")
	f.Float64Var(&t.LowIoU, "low-iou", t.LowIoU, "the same for detections with a conf below --high")
	f.Float64Var(&t.LostIoU, "lost-iou", t.LostIoU, "the same for tracks that are lost, with what those that are seen have left")
	f.Float64Var(&t.TentativeIoU, "tentative-iou", t.TentativeIoU, "the same for tracks that are not yet confirmed")
	f.IntVar(&t.MinHits, "min-hits", t.MinHits, "`detections` in consecutive frames that confirm a track at 10 frames/s")
	f.DurationVar(&t.Patience, "patience", t.Patience, "how long a track may go unseen before it ends")
	f.IntVar(&t.MaxTracks, "max-tracks", t.MaxTracks, "most `tracks` at a time, lost ones included")
	f.Float64Var(&t.Jitter, "jitter", t.Jitter, "standard deviation of a detection's centre, in heights of the object")
	f.Float64Var(&t.Agility, "agility", t.Agility, "how much an object's velocity changes in a second, in heights per second")
}
