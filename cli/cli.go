// Package cli is the program framebeam: a command per file. What they do is elsewhere.
package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/ingest"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/ingest/capture"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// Main is the main function of framebeam.
func Main() { start(New) }

// Only is the main function of a program that is one command of framebeam's.
func Only(name string) {
	start(func() *cobra.Command { return single(name) })
}

// start runs a command, unless this process was started to capture a source, or by an
// engine to work on a job: both start the program that they are started by.
func start(command func() *cobra.Command) {
	capture.Child()
	launch.Worker(os.Args[1:])
	program.Main(command())
}

// group is of commands that stand together in the help.
type group struct {
	title    string
	commands []func() *cobra.Command
}

var groups = []group{
	{"From cameras to results", []func() *cobra.Command{newLive, ingest.New, newAnalyze, newArchive, newReprocess}},
	{"To keep what matters", []func() *cobra.Command{newRetention, newVerify, newRepair}},
	{"To ask what happened", []func() *cobra.Command{newEvents, newCounts, newConfig}},
	{"To look at results", []func() *cobra.Command{newShow, newSimilar, newRender, newStoryboard, newPicture, newClip, newStill, newSearch, newMonitor}},
	{"For other programs", []func() *cobra.Command{newTable, newAlert}},
	{"To try and to measure", []func() *cobra.Command{newBacktest, newRun, newTrack, newStack}},
	{"To look after it", []func() *cobra.Command{newDoctor, newModels}},
}

const about = `Framebeam analyses many video streams at once. Cameras and video files go in; results that
can be trusted come out. The same frames and the same configuration give the same bytes,
live, replayed, or after a crash.

Exit codes: 0 done, 1 something failed, 2 the command line or a file that it names is wrong
and nothing was started, 3 a comparison found differences.`

// New is framebeam, with all of its commands.
func New() *cobra.Command {
	cobra.EnableCommandSorting = false
	root := &cobra.Command{
		Use:   "framebeam",
		Short: "Analyse many video streams at once",
		Long:  about,
		Args:  cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			c.SetOut(c.ErrOrStderr()) // no command was given
			_ = c.Help()
			return program.Ended(program.Usage)
		},
	}
	for _, g := range groups {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, c := range g.commands {
			below := c()
			below.GroupID = g.title
			root.AddCommand(below)
		}
	}
	root.AddCommand(newVersion())
	return versioned(root)
}

// single is the command of that name, alone.
func single(name string) *cobra.Command {
	for _, g := range groups {
		for _, c := range g.commands {
			if c := c(); c.Name() == name {
				return versioned(c)
			}
		}
	}
	panic(fmt.Sprintf("framebeam has no command %q", name))
}

// versioned adds --version to a program.
func versioned(c *cobra.Command) *cobra.Command {
	c.Version = program.Version(c.Name(), pixels.Version())
	c.SetVersionTemplate("{{.Version}}")
	return c
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say what this program was built from and with",
		RunE: func(c *cobra.Command, args []string) error {
			if err := program.NoArguments(args); err != nil {
				return program.Wrong(err)
			}
			fmt.Fprint(c.OutOrStdout(), c.Root().Version)
			return nil
		},
	}
}
