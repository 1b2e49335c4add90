package perframe

import (
	"errors"
	"image"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/detectors"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

func init() {
	Register(Kind{
		Kind:    params.KindOf("people", "standing people, by histograms of oriented gradients", false, DefaultPeople()),
		Detects: true,
		Make:    func(name string, p params.Params) (Analysis, error) { return NewPeople(name, p.(PeopleConfig)) },
	})
}

// PeopleConfig are the parameters of people; see [DefaultPeople].
type PeopleConfig struct {
	// Height and Resize count most: the cost grows with the square of the size in which
	// the picture is looked at, and there people have to be 96 pixels high.
	Height       float64 `json:"height" min:"0" max:"1" doc:"height of the smallest people, as a part of the picture's height: it is enlarged, or made smaller, so that they are found; 0: looked at as it is"`
	Resize       int     `json:"resize" min:"0" max:"4096" doc:"pixels of the picture's longer side when it is looked at, which may be more than it has; 0: as height says"`
	HitThreshold float64 `json:"hit_threshold" min:"-1" max:"10" doc:"distance from the support vector machine's plane that a window must exceed"`
	Stride       int     `json:"stride" min:"4" max:"64" doc:"pixels from one window to the next, a multiple of 4"`
	Padding      int     `json:"padding" min:"0" max:"64" doc:"pixels by which the picture is continued on each side, for people at its edge"`
	Scale        float64 `json:"scale" min:"1.01" max:"2" doc:"factor from one size of people to the next"`
	Gray         bool    `json:"gray" doc:"look at gray only: less to decode, and a little less is found"`
	Grouping     string  `json:"grouping" enum:"rectangles,mean_shift,none" doc:"how windows on the same person are joined"`
	Group        float64 `json:"group" min:"0" max:"100" doc:"more windows than this must agree on a person; of mean_shift, the least density"`
	MinScore     float64 `json:"min_score" min:"0" max:"1" doc:"least score; that of a distance d from the plane is d/(1+d)"`
	Overlap      float64 `json:"overlap" min:"0" max:"1" doc:"share of what two boxes cover above which the weaker is dropped"`
}

// DefaultPeople are the parameters of OpenCV's own sample, every window on the right
// side of the plane, 8 pixels apart, grouped by more than two, but for sizes 1.1 apart
// (half the cost of the sample's 1.05), of people from a tenth of the picture's height on:
// those of a yard or a street.
func DefaultPeople() PeopleConfig {
	return PeopleConfig{Height: 0.1, Stride: 8, Scale: 1.1, Grouping: "rectangles", Group: 2, Overlap: 0.65}
}

// Validate returns every violation, joined.
func (c PeopleConfig) Validate() error {
	errs := []error{params.Check(c)}
	if c.Stride%4 != 0 {
		errs = append(errs, params.Wrong("stride", "%d is not a multiple of 4", c.Stride))
	}
	return errors.Join(errs...)
}

// people finds people who stand or walk (N. Dalal and B. Triggs, Histograms of oriented
// gradients for human detection, CVPR 2005), with the detector that OpenCV brings.
type people struct {
	PeopleConfig
	name, digest string
	hog          *detectors.HOG
}

// NewPeople makes the analysis, or says all that is wrong with cfg. Detections have the
// label "person" and, as score, d/(1+d) of the distance d from the plane, for a group
// that of its best window. A picture that is smaller than the detector's window,
// 64x128, has nobody.
func NewPeople(name string, cfg PeopleConfig) (Analysis, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	digest, err := params.Digest("people", 3, cfg)
	if err != nil {
		return nil, err
	}
	return &people{PeopleConfig: cfg, name: name, digest: digest}, nil
}

func (a *people) Name() string   { return a.name }
func (a *people) Digest() string { return a.digest }

func (a *people) Pixels() frame.Pixels { return grayOrColor(a.Gray) }

var peopleWindow = image.Pt(64, 128)

const (
	// personHeight is that of a person in the window.
	personHeight = 96
	// mostLonger is the longest side in which a picture is looked at.
	mostLonger = 4096
)

// longer is the longer side in which a picture of that size is looked at; 0: its own.
func (c PeopleConfig) longer(size image.Point) int {
	if c.Resize > 0 || c.Height == 0 {
		return c.Resize
	}
	return max(1, int(min(personHeight/c.Height*float64(max(size.X, size.Y))/float64(size.Y), mostLonger)))
}

// Regions has room for the detector's window. The cost is that of the area.
func (a *people) Regions(whole image.Point) (least image.Point, apart bool) {
	seen := fitted(whole, a.longer(whole))
	up := func(v, seen, whole int) int { return (v*whole+seen-1)/seen + 1 }
	return image.Pt(up(peopleWindow.X, seen.X, whole.X), up(peopleWindow.Y, seen.Y, whole.Y)), true
}

func (a *people) Analyse(in pixels.Input, out *result.PerFrame) error {
	m, err := pixelsOf(in, a.Gray)
	if err != nil {
		return err
	}
	v := view(in, m, a.longer(wholeOf(in, m)))
	defer v.close()
	if v.size().X < peopleWindow.X || v.size().Y < peopleWindow.Y {
		return nil
	}
	if a.hog == nil {
		if a.hog, err = detectors.NewHOG(); err != nil {
			return err
		}
	}
	o := detectors.HOGOptions{
		Hit: a.HitThreshold, Stride: a.Stride, Padding: a.Padding, Scale: a.Scale, Group: a.Group, MeanShift: a.Grouping == "mean_shift",
	}
	if a.Grouping == "none" {
		o.Group = 0
	}
	boxes, err := a.hog.Detect(v.Mat, o)
	if err != nil {
		return err
	}
	for i := range boxes {
		boxes[i].Rectangle = withoutMargin(boxes[i].Rectangle)
	}
	out.Detections = append(out.Detections, found(a.name, "person", boxes, v, a.MinScore, a.Overlap)...)
	return nil
}

// withoutMargin is the person in a window: those that the detector was trained with have
// 16 of 64x128 pixels around the person on all sides (Dalal & Triggs, section 6.6). On
// real video the background model sees a little less, 0.27 and 0.16 of the window's
// width and height on each side, and the feet count for zones and lines.
func withoutMargin(window image.Rectangle) image.Rectangle {
	dx, dy := window.Dx()/4, window.Dy()/8
	return image.Rect(window.Min.X+dx, window.Min.Y+dy, window.Max.X-dx, window.Max.Y-dy)
}

// found is the boxes of a viewed picture as detections of the frame.
func found(analysis, label string, boxes []detectors.Box, v viewed, least, overlap float64) []result.Detection {
	var ds []result.Detection
	for _, b := range boxes {
		d := result.Detection{Analysis: analysis, Label: label, Score: scored(b.Weight)}
		if d.Score >= least && place(&d, float64(b.Min.X), float64(b.Min.Y), float64(b.Max.X), float64(b.Max.Y), v.size(), v.from) {
			ds = append(ds, d)
		}
	}
	return suppress(ds, overlap)
}

// Close releases the detector.
func (a *people) Close() error {
	if a.hog == nil {
		return nil
	}
	h := a.hog
	a.hog = nil
	return h.Close()
}
