package job

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/plan"
)

// cameraPatterns tells, once, of patterns in the configuration that fit no camera of the
// topic: likely a slip, and what they say would never be used.
type cameraPatterns struct {
	job  *Job
	out  *output.Output
	told bool
}

// tell looks at the cameras that the output knows, if there are any: at the start those of
// earlier jobs, at the end those of this one. That they cannot be looked at is no fault
// of the job.
func (c *cameraPatterns) tell(ctx context.Context, parts []plan.Stretch) {
	if c.told || len(c.job.Analyses.Patterns) == 0 {
		return
	}
	cameras, err := c.known(ctx, parts)
	if err != nil {
		slog.Warn("cannot tell whether the configuration's patterns fit cameras of the topic", "topic", c.job.Topic, "error", err)
		return
	}
	if len(cameras) == 0 {
		return
	}
	c.told = true
	for _, pattern := range c.job.Analyses.Unmatched(cameras) {
		slog.Warn("a pattern of the configuration fits no camera of the topic that is known so far",
			"match", pattern, "topic", c.job.Topic, "cameras", cameras[:min(len(cameras), 20)])
	}
}

// tellAtTheEnd also tells when the job was interrupted, if that does not take long.
func (c *cameraPatterns) tellAtTheEnd(ctx context.Context, parts *[]plan.Stretch) {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	c.tell(ctx, *parts)
}

// known are the cameras in the last states of the partitions, or in an output without
// any those of its unfinished chunks, sorted.
func (c *cameraPatterns) known(ctx context.Context, parts []plan.Stretch) ([]string, error) {
	ids := map[string]bool{}
	for _, p := range parts {
		pos, err := c.out.Resume(ctx, p.Partition)
		if err != nil {
			return nil, err
		}
		for _, camera := range pos.Cameras {
			ids[camera.Camera] = true
		}
	}
	if len(ids) == 0 {
		files, err := c.out.Files(ctx)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			rows, err := c.out.Rows(ctx, f.Name)
			if errors.Is(err, fs.ErrNotExist) {
				continue // its chunk has grown
			} else if err != nil {
				return nil, err
			}
			for i := range rows {
				if rows[i].Topic == c.job.Topic {
					ids[rows[i].Camera] = true
				}
			}
		}
	}
	delete(ids, "")
	return slices.Sorted(maps.Keys(ids)), nil
}
