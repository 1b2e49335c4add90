package similar

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/perframe"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/similarity"
)

// kinds are the features that can be compared, by the analyses that make them.
var kinds = map[string]string{
	"histogram":       similarity.KindHistogram,
	"perceptual_hash": similarity.KindHash,
	"keypoints":       similarity.KindKeypoints,
}

// wanted gives the feature that is looked for, to be compared with a stored one.
type wanted interface {
	feature(stored result.Feature) ([]byte, error)
}

var framePlace = regexp.MustCompile(`^([A-Za-z0-9._-]+)/(\d{1,9})@(\d{1,18})$`)

// find reads what the query looks for: a file, or else a frame of the output.
func find(ctx context.Context, to string, out *output.Output) (wanted, error) {
	data, err := os.ReadFile(to)
	if err == nil {
		return newPicture(to, data)
	}
	m := framePlace.FindStringSubmatch(to)
	if m == nil || !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("picture that is looked for: %w", err)
	}
	partition, _ := strconv.ParseInt(m[2], 10, 32)
	offset, _ := strconv.ParseInt(m[3], 10, 64)
	files, err := out.Files(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		n, ok := f.Span()
		if !ok || n.Topic != m[1] || int64(n.Partition.ID) != partition || offset < n.Start || offset > n.End {
			continue
		}
		rows, err := out.Rows(ctx, f.Name)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if r.Offset == offset {
				return &frameOfOutput{to, r.Features}, nil
			}
		}
	}
	return nil, fmt.Errorf("%s is neither a file nor a frame of the output", to)
}

// frameOfOutput is a frame whose features are stored.
type frameOfOutput struct {
	place    string
	features []result.Feature
}

func (f *frameOfOutput) feature(stored result.Feature) ([]byte, error) {
	for _, x := range f.features {
		if x.Kind == stored.Kind {
			return x.Data, nil
		}
	}
	return nil, fmt.Errorf("frame %s has no feature of %s", f.place, stored.Analysis)
}

// picture is a file.
type picture struct {
	path   string
	record frame.Record
}

func newPicture(path string, data []byte) (*picture, error) {
	enc, width, height, err := frame.CheckImage(data)
	if err != nil {
		return nil, fmt.Errorf("picture %s: %w", path, err)
	}
	f := frame.Frame{Camera: "wanted", Epoch: "wanted", Captured: time.Unix(0, 0), Width: width, Height: height, Encoding: enc, Data: data}
	return &picture{path, f.CloudEvent()}, nil
}

// feature is made as the analysis makes it: a histogram with as many bins as the
// stored one, keypoints with the default parameters.
func (p *picture) feature(stored result.Feature) ([]byte, error) {
	spec := params.Spec{Kind: stored.Analysis, Name: stored.Analysis}
	if stored.Kind == similarity.KindHistogram {
		h, err := similarity.ParseHistogram(stored.Data)
		if err != nil {
			return nil, err
		}
		if spec.Params, err = json.Marshal(perframe.HistogramConfig{Hue: h.Hue, Saturation: h.Saturation, Value: h.Value}); err != nil {
			return nil, err
		}
	}
	a, err := perframe.NewAnalyzer(perframe.Config{Profiles: []perframe.Profile{{Analyses: []params.Spec{spec}}}})
	if err != nil {
		return nil, err
	}
	defer a.Close()
	it, err := a.Analyze(chunk.Partition{Topic: "wanted"}, &p.record)
	switch r := it.Result; {
	case err != nil:
		return nil, fmt.Errorf("picture %s: %w", p.path, err)
	case r.Status != result.OK:
		return nil, fmt.Errorf("picture %s: %s: %s", p.path, r.Reason, r.Detail)
	default:
		return r.Features[0].Data, nil
	}
}
