// Package profiles is the configuration of what is looked for in the frames:
// one YAML file, checked as a whole, from which the stages are made and whose
// digest says when results may differ.
//
//	quality: true         # an analysis of every frame, with its defaults
//	motion:               # or with parameters; false: off
//	  blur: 3
//	  threshold: 20
//	  min_area: 300
//	silence: 10s          # the gap in capture times that is an interruption
//	state_limit: 327680   # bytes of state per camera
//	forget_chunks: 64     # chunks without a frame after which a camera is forgotten
//	json_zone: UTC        # IANA time zone of the JSON format's timestamps
//	max_pixels: 67108864  # larger frames are dead letters
//	max_side: 16384       # likewise, in pixels of width or height
//	schedules: []         # times of day: {name: night, from: "20:00", to: "06:00", zone: Europe/Berlin}
//	cameras: []           # what is different: {match: "gate-*", motion: {threshold: 30}}
//
// Every field may be left out; these are the defaults. schema.json beside this file
// describes all of them and every analysis.
//
// The first entry of cameras whose pattern matches a camera's id is laid over what
// is said for all: mappings are merged, everything else is replaced, false switches
// off. Within an analysis "during" does the same for a schedule, and "only" switches
// it off outside of those that it lists; of schedules that hold at once the one
// listed first counts.
package profiles

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/framebeam/framebeam/transforms/config/schedule"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// Config is everything, beside the log, that results depend on.
type Config struct {
	Settings
	// Silence is the gap in capture times that counts as an interruption. Default 10s.
	Silence time.Duration
	// Schedules by falling precedence.
	Schedules []schedule.Schedule
	// Analyses are the settings of every kind of analysis that is configured: true,
	// false or a mapping, as JSON.
	Analyses map[string]json.RawMessage
	// Cameras are what is different for some.
	Cameras []Override

	recorded []profile // of FromRecord: takes the place of the three above
}

// Settings are those of the whole configuration.
type Settings struct {
	// StateLimit is the most bytes of state per camera. Default 320 KiB.
	StateLimit int
	// Forget is after how many chunks without a frame a camera is forgotten. Default 64.
	Forget int64
	// Parse is how records are parsed.
	Parse frame.ParseOptions
}

// Override is what is different for the cameras whose ids match.
type Override struct {
	Match    string        // a camera's id, or a pattern of path.Match
	Silence  time.Duration // 0: as for all
	Analyses map[string]json.RawMessage
}

// Default is the configuration when nothing is configured: quality, and motion
// with the parameters of the original system.
func Default() Config {
	return Config{
		Settings: Settings{
			StateLimit: sequence.DefaultStateLimit, Forget: 64,
			Parse: frame.ParseOptions{Zone: "UTC", MaxPixels: frame.DefaultMaxPixels, MaxSide: frame.DefaultMaxSide},
		},
		Silence:  sequence.DefaultSilence,
		Analyses: map[string]json.RawMessage{"quality": json.RawMessage("{}"), "motion": json.RawMessage("{}")},
	}
}

// Set configures an analysis for all cameras: settings is true, false or a mapping,
// as JSON. Whether it is right is found when stages are made.
func (c *Config) Set(analysis, settings string) { c.Analyses[analysis] = json.RawMessage(settings) }

// Load reads a file; with no name it gives the default.
func Load(file string) (Config, error) {
	_, c, err := Read(file)
	return c, err
}

// Read is Load that gives the file's content too.
func Read(file string) (content []byte, c Config, err error) {
	if file == "" {
		return nil, Default(), nil
	}
	if content, err = os.ReadFile(file); err != nil {
		return nil, Config{}, fmt.Errorf("read analyses: %w", err)
	}
	c, err = Parse(file, content)
	return content, c, err
}

// FromRecord are the stages that a [Stages.Text] is of, such as that of an output's
// generation. On the same platform they have the same digest. The error says why the
// text cannot be read.
func FromRecord(text string) (Stages, error) {
	fail := func(err error) (Stages, error) {
		return Stages{}, fmt.Errorf("decode recorded configuration: %w", err)
	}
	r, err := readRecord(text)
	if err != nil {
		return fail(err)
	}
	stages, err := r.stages()
	if err != nil {
		return fail(err)
	}
	return stages, nil
}

// Recorded are the settings in a [Stages.Text]: that of an
// output's generation.
func Recorded(text string) (Settings, error) {
	var effective struct{ Config *Settings }
	err := json.Unmarshal([]byte(text), &effective)
	if err == nil && effective.Config == nil {
		err = errors.New("it has no Config")
	}
	if err != nil {
		return Settings{}, fmt.Errorf("decode recorded configuration: %w", err)
	}
	return *effective.Config, nil
}
