package profiles

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/framebeam/framebeam/transforms/config/params"
)

// Unmatched are the patterns that fit none of these ids: what is said of them is never
// used.
func (s *Stages) Unmatched(cameras []string) (patterns []string) {
	for _, pattern := range s.Patterns {
		if !slices.ContainsFunc(cameras, func(id string) bool { return params.Matches(pattern, id) }) {
			patterns = append(patterns, pattern)
		}
	}
	return patterns
}

// RecordedProfile is how the cameras of a pattern were analysed.
type RecordedProfile struct {
	Match  string // "": all that no pattern before fits
	Digest string // what their results have as config
}

// RecordedProfiles are those in the text of [Stages]: that of an output's
// generation.
func RecordedProfiles(text string) ([]RecordedProfile, error) {
	var effective struct{ Profiles []RecordedProfile }
	if err := json.Unmarshal([]byte(text), &effective); err != nil {
		return nil, fmt.Errorf("decode recorded configuration: %w", err)
	}
	return effective.Profiles, nil
}
