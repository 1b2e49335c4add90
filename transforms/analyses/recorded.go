package analyses

import (
	"encoding/json"
	"fmt"
)

// Recorded is the configuration in a text that [Config.Effective] made: that of
// an output's generation.
func Recorded(text string) (Config, error) {
	var effective struct{ Config Config }
	if err := json.Unmarshal([]byte(text), &effective); err != nil {
		return Config{}, fmt.Errorf("decode recorded configuration: %w", err)
	}
	return effective.Config, nil
}
