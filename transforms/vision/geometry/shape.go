package geometry

// Shape is a line or a zone that an analysis looks at, for pictures that show it.
type Shape struct {
	Points []Position `json:"points"`
	// Closed: the points are the corners of a zone.
	Closed bool `json:"closed,omitempty"`
	// Forward and Backward: crossings from the left of a line to its right count, and
	// the other way round.
	Forward  bool `json:"forward,omitempty"`
	Backward bool `json:"backward,omitempty"`
}
