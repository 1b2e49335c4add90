// Package shapes says which lines and zones the analyses of a configuration look at, and
// when: what pictures draw to explain an event. It knows no analysis by name; package
// profiles makes a [Set] of what was recorded of a configuration.
package shapes

import (
	"time"

	"github.com/framebeam/framebeam/transforms/config/schedule"
	"github.com/framebeam/framebeam/transforms/vision/geometry"
)

// Set holds what analyses look at, by the digest of the configuration that a row names,
// and by the analysis' name. It travels to the workers, as JSON.
type Set map[string]map[string]Scheduled

// Scheduled are the shapes of an analysis at the times of schedules: the first that holds
// counts, the last has none.
type Scheduled []Variant

// Variant are the shapes that an analysis looks at during a schedule.
type Variant struct {
	Schedule *schedule.Schedule `json:"schedule,omitempty"` // nil: always
	Shapes   []geometry.Shape   `json:"shapes,omitempty"`
}

// At are the shapes that an analysis of a configuration looks at, at a time; none where
// they are not known.
func (s Set) At(config, analysis string, t time.Time) []geometry.Shape {
	for _, v := range s[config][analysis] {
		if v.Schedule == nil || v.Schedule.Covers(t) {
			return v.Shapes
		}
	}
	return nil
}
