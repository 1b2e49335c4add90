package cameras

import (
	"context"
	"time"

	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/result"
)

// faultTime is how far back the beginnings of faults are looked for that last.
const faultTime = 7 * 24 * time.Hour

// remember looks, whenever a day has begun, for what lies before it: the last rows of cameras that
// had none since, and faults that began earlier and last.
func (v *view) remember(ctx context.Context) {
	for {
		select {
		case <-v.fresh:
		case <-ctx.Done():
			return
		}
		for ctx.Err() == nil {
			if v.look(ctx) == nil {
				break
			}
			select {
			case <-time.After(5 * time.Second): // the output is away
			case <-ctx.Done():
			}
		}
	}
}

func (v *view) look(ctx context.Context) error {
	v.mu.Lock()
	day := v.day
	v.mu.Unlock()
	return v.Inputs.Scan(ctx, func(s *scan.Scan) error {
		files, err := lastFiles(ctx, s)
		if err != nil {
			return err
		}
		// Each file is read once, for those of its cameras that have no newer row.
		of := map[string][]string{}
		v.mu.Lock()
		for id, e := range files {
			if c := v.cameras[id]; id != "" && (c == nil || c.newest == nil) {
				of[e.Name] = append(of[e.Name], id)
			}
		}
		v.mu.Unlock()
		for name, ids := range of {
			if err := v.last(ctx, s, name, ids); err != nil {
				return err
			}
		}
		return v.begun(ctx, s, day)
	})
}

// lastFiles is the last file that has rows of each camera.
func lastFiles(ctx context.Context, s *scan.Scan) (map[string]output.Entry, error) {
	files := map[string]output.Entry{}
	for e, err := range s.Files(ctx, scan.Query{}) {
		if err != nil {
			return nil, err
		}
		for _, id := range e.Statistics.Cameras {
			if old, ok := files[id]; !ok || e.Statistics.Last >= old.Statistics.Last {
				files[id] = e
			}
		}
	}
	return files, nil
}

// last takes the last rows that a file has of cameras.
func (v *view) last(ctx context.Context, s *scan.Scan, file string, ids []string) error {
	wanted := map[string]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	newest := map[string]*result.Frame{}
	err := s.Output().Read(ctx, file, result.Selection{
		Columns: result.AllColumns &^ result.OfFeatures, Row: func(f *result.Frame) bool { return wanted[f.Camera] },
	}, func(rows []result.Frame) error {
		for i := range rows {
			if r := &rows[i]; r.Status == result.OK {
				newest[r.Camera] = r
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for id, r := range newest {
		if c := v.camera(id); c.newest == nil {
			kept := *r
			c.newest = &kept
			c.recent = append(c.recent, &kept)
			c.rate.add(r.At())
			v.changed = true
		}
	}
	return nil
}

// begun takes the faults that began before the day and have not ended until it.
func (v *view) begun(ctx context.Context, s *scan.Scan, day time.Time) error {
	before := map[string]*camera{}
	for r, err := range s.Rows(ctx, scan.Query{
		Period:  period.Period{From: day.Add(-faultTime), To: day, Zone: v.Inputs.Zone},
		Columns: result.OfEvents, Filled: result.OfEvents, EventTypes: faultTypes,
	}) {
		if err != nil {
			return err
		}
		if before[r.Camera] == nil {
			before[r.Camera] = &camera{}
		}
		before[r.Camera].events(r)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.day.Equal(day) {
		return nil
	}
	for id, b := range before {
		for _, f := range b.faults {
			if c := v.camera(id); !c.ended(f) {
				c.faults = append(c.faults, f)
				v.changed = true
			}
		}
	}
	return nil
}
