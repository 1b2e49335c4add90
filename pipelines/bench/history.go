package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/framebeam/framebeam/history/events"
	"github.com/framebeam/framebeam/history/historytest"
	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/history/scan"
)

// asked is the output that is asked: a month of 16 cameras in some 4,900 files.
var asked = historytest.Output{Rows: 10_000_000, Partitions: 4, Cameras: 16}

// aDay is what it is asked for: the events of a day in the middle.
func aDay() events.Filter {
	from := time.Date(2024, 5, 15, 0, 0, 0, 0, time.UTC)
	return events.Filter{Period: period.Period{From: from, To: from.AddDate(0, 0, 1)}}
}

func askedFolder(scratch string) string { return filepath.Join(scratch, "history") }

// measureHistory asks for the first event of a day, and for all, and reads the bytes of
// the files that they are in.
func measureHistory(ctx context.Context, b *bencher) ([]sample, error) {
	if _, err := os.Stat(askedFolder(b.dir)); errors.Is(err, fs.ErrNotExist) {
		if _, err := b.run(ctx, "make an output of 10 million rows", "make history", params{}); err != nil {
			return nil, err
		}
	}
	bare, err := b.run(ctx, "read the files of a day plainly", "read history", params{})
	if err != nil {
		return nil, err
	}
	first, err := b.run(ctx, "first event of a day", "ask history", params{Frames: 1})
	if err != nil {
		return nil, err
	}
	whole, err := b.run(ctx, "events of a day", "ask history", params{})
	if err != nil {
		return nil, err
	}
	return []sample{{ms(first.Wall), ms(bare.Wall)}, {ms(whole.Wall), ms(bare.Wall)}}, nil
}

// makeHistory writes the output, and asks once, so that what footers say is kept, as a job
// leaves it.
func makeHistory(ctx context.Context, p params) (cost, error) {
	return measure("", func() error {
		if err := asked.Write(ctx, askedFolder(p.Scratch)); err != nil {
			return err
		}
		_, err := ask(ctx, p.Scratch, 1)
		return err
	})
}

// ask returns how many events there are, of which it wants at most some, or all if that is 0.
func ask(ctx context.Context, scratch string, most int64) (n int64, err error) {
	s, err := scan.Open(ctx, askedFolder(scratch))
	if err != nil {
		return 0, err
	}
	filter := aDay()
	for _, err := range filter.All(ctx, s) {
		if err != nil {
			return n, err
		}
		if n++; n == most {
			break
		}
	}
	return n, nil
}

func askHistory(ctx context.Context, p params) (cost, error) {
	var n int64
	c, err := measure(p.Profile, func() (err error) {
		n, err = ask(ctx, p.Scratch, p.Frames)
		return err
	})
	c.Frames = n
	return c, err
}

// readHistory reads the files whole in which the day's rows are, which it knows beforehand.
func readHistory(ctx context.Context, p params) (cost, error) {
	s, err := scan.Open(ctx, askedFolder(p.Scratch))
	if err != nil {
		return cost{}, err
	}
	var files []string
	for e, err := range s.Files(ctx, scan.Query{Period: aDay().Period}) {
		if err != nil {
			return cost{}, err
		}
		files = append(files, s.Output().Folder().Path(e.Name))
	}
	return measure("", func() error {
		for _, file := range files {
			if _, err := os.ReadFile(file); err != nil {
				return err
			}
		}
		return nil
	})
}
