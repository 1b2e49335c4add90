package steps

import (
	"errors"
	"strings"
	"time"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/geometry"
)

const (
	zonesName = "zones"
	// zonesBytes is more than maxJudged tracks of 62 bytes and what else is saved.
	zonesBytes = 4 << 10
)

func init() {
	sequence.Register(sequence.Kind{
		Kind:   params.KindOf(zonesName, "objects that enter a zone, stay in it, and leave it", true, DefaultZones()),
		Stage:  sequence.Judges,
		Bytes:  zonesBytes,
		Reads:  func(p params.Params) []string { return []string{p.(ZonesConfig).Of} },
		Shapes: func(p params.Params) []geometry.Shape { return zonesOf([]outline{p.(ZonesConfig).Polygon}) },
		Make:   func(name string, p params.Params) (sequence.Step, error) { return NewZones(name, p.(ZonesConfig)) },
	})
}

// ZonesConfig are the parameters of a zone; see [DefaultZones].
type ZonesConfig struct {
	Polygon    []geometry.Position `json:"polygon" items:"3,32" min:"0" max:"1" doc:"the zone: [x, y] of each corner, 0 to 1 of the picture's width and height, x to the right and y down"`
	Labels     []string            `json:"labels" items:"0,64" doc:"classes of objects that count; none: all"`
	Of         string              `json:"of" doc:"name of the analysis whose tracks are read"`
	Margin     float64             `json:"margin" min:"0" max:"0.25" doc:"how deep inside, relative to the picture, an object must get to enter, and how far outside to leave"`
	MinInside  params.Duration     `json:"min_inside" min:"0s" max:"1h" doc:"how long it must then stay inside to have entered"`
	MinOutside params.Duration     `json:"min_outside" min:"0s" max:"1h" doc:"how long it must then stay outside to have left"`
	Loiter     params.Duration     `json:"loiter" min:"0s" max:"24h" doc:"stay after which an object loiters, which is told once per stay; 0s: never"`
	Crowd      int                 `json:"crowd" min:"0" max:"64" doc:"objects inside at once that are a crowd; 0: none are"`
	Gone       params.Duration     `json:"gone" min:"100ms" max:"1h" doc:"how long an object may be unseen and still be inside; then it is lost and has left"`
}

// DefaultZones are the parameters of a zone but for its polygon: all classes, the
// tracks of "tracking", a margin of 0.02 (13 by 10 pixels of 640x480, which is more
// than boxes tremble), 300 ms inside or outside, neither loitering nor crowds, and 5
// seconds until an object is lost.
func DefaultZones() ZonesConfig {
	const still = params.Duration(300 * time.Millisecond)
	return ZonesConfig{Of: "tracking", Margin: 0.02, MinInside: still, MinOutside: still, Gone: params.Duration(5 * time.Second)}
}

// Validate returns every violation, joined.
func (c ZonesConfig) Validate() error {
	errs := []error{params.Check(c)}
	if len(c.Polygon) >= 3 {
		g, err := geometry.NewPolygon(c.Polygon)
		switch {
		case err != nil:
			errs = append(errs, params.Wrong("polygon", "%v", err))
		case c.Margin >= 0 && c.Margin <= 0.25 && !g.Deep(geometry.Length(c.Margin)):
			errs = append(errs, params.Wrong("margin", "nothing can get %v deep into this polygon: it is too narrow, or lies at the picture's edge, which feet do not reach", c.Margin))
		}
	}
	if c.Of == "" {
		errs = append(errs, params.Wrong("of", "is empty"))
	}
	return errors.Join(errs...)
}

// zones says who is in a zone.
//
// Who is in it is a matter of an object's anchor, the middle of its box's lower edge.
// It enters when it is first seen the margin deep inside, if it is then not seen
// outside until MinInside is over; and leaves when it is seen the margin outside, if
// it is then not seen inside until MinOutside is over. Both are told when they are
// certain, and reckoned from when they began. Edges belong to the inside.
type zones struct {
	ZonesConfig
	name, rule, digest      string
	polygon                 geometry.Polygon
	margin                  int32
	minInside, minOutside   int64 // µs, as are these:
	loiterAfter, goneBeyond int64
}

// zonesAlgorithm changes whenever the same tracks may give other events.
const zonesAlgorithm = 1

// NewZones makes the step of that name, "zones/rule", or says all that is wrong with
// cfg. Its events are
//
//	EventObjectsInside  Enter  an object is inside; Value: how many are, with it
//	                    Leave  it has left, or was lost; Value: seconds inside
//	                    Begin  the zone, empty before, is occupied; Value: by how many
//	                    End    it is empty again; Value: seconds it was occupied
//	                    Crowd  there are as many inside as are a crowd; Value: how many
//	EventLoitering             an object has been inside for so long; Value: seconds
//
// of which those of an object say its track and label. The snapshot of what was lost
// is the frame in which it was last seen.
func NewZones(name string, cfg ZonesConfig) (sequence.Step, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	polygon, err := geometry.NewPolygon(cfg.Polygon)
	if err != nil {
		return nil, err
	}
	digest, err := params.Digest(zonesName, zonesAlgorithm, cfg)
	if err != nil {
		return nil, err
	}
	_, rule, _ := strings.Cut(name, "/")
	us := func(d params.Duration) int64 { return time.Duration(d).Microseconds() }
	return &zones{
		ZonesConfig: cfg, name: name, rule: rule, digest: digest,
		polygon: polygon, margin: geometry.Length(cfg.Margin),
		minInside: us(cfg.MinInside), minOutside: us(cfg.MinOutside), loiterAfter: us(cfg.Loiter), goneBeyond: us(cfg.Gone),
	}, nil
}

func (s *zones) Name() string           { return s.name }
func (s *zones) Digest() string         { return s.digest }
func (s *zones) Pixels() frame.Pixels   { return frame.NoPixels }
func (s *zones) Start() sequence.Memory { return &zonesMemory{step: s} }
