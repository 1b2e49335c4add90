package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/strictyaml"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

// CheckCameraIDs returns an error that names every one of the cameras that is no camera id.
func CheckCameraIDs(cameras []string) error {
	var bad []error
	for _, camera := range cameras {
		if !frame.ValidCamera(camera) {
			bad = append(bad, fmt.Errorf("--camera=%s: not a camera id; one of the JSON wire would be %q", camera, frame.CameraID(camera)))
		}
	}
	return errors.Join(bad...)
}

// CheckCameras returns an error that names every one of the cameras that the output has no
// row of, and those that there are.
func (s *Scan) CheckCameras(ctx context.Context, cameras []string) error {
	for try := 1; ; try++ {
		if err := s.checkCameras(ctx, cameras); !errors.Is(err, fs.ErrNotExist) || try == looks {
			return err
		}
	}
}

func (s *Scan) checkCameras(ctx context.Context, cameras []string) error {
	if len(cameras) == 0 {
		return nil
	}
	missing := map[string]bool{}
	for _, c := range cameras {
		missing[c] = true
	}
	known := map[string]bool{}
	meet := func(names ...string) {
		for _, c := range names {
			delete(missing, c)
			if c != "" {
				known[c] = true
			}
		}
	}
	for e, err := range s.Files(ctx, Query{}) {
		if err != nil {
			return err
		}
		if len(missing) == 0 {
			return nil
		}
		if e.Statistics.Cameras != nil {
			meet(e.Statistics.Cameras...)
			continue
		}
		// Too many to be in the statistics.
		if err := s.Output().Read(ctx, e.Name, result.Selection{}, func(rows []result.Frame) error {
			for i := range rows {
				meet(rows[i].Camera)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return UnknownCameras(slices.Sorted(maps.Keys(missing)), slices.Sorted(maps.Keys(known)))
}

// UnknownCameras is an error that names every missing camera, in their order, and those that
// are known, ascending; nil if none is missing.
func UnknownCameras(missing, known []string) error {
	const most = 20
	list := strings.Join(known[:min(len(known), most)], ", ")
	if len(known) > most {
		list += fmt.Sprintf(" and %d more", len(known)-most)
	}
	var bad []error
	for _, camera := range missing {
		bad = append(bad, fmt.Errorf("--camera=%s: the output has no result of this camera (there are: %s)%s",
			camera, cmp.Or(list, "none"), strictyaml.DidYouMean(camera, known)))
	}
	return errors.Join(bad...)
}
