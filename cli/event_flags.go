package cli

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/history/events"
)

// eventGroup is the group of the flags that choose events, in the help.
const eventGroup = "Event"

// eventFlags choose events.
type eventFlags struct{ analyses, types, rules, labels, transitions, tracks string }

// newEventFlags adds the flags that choose events.
func newEventFlags(f *pflag.FlagSet) *eventFlags {
	e := &eventFlags{}
	program.InGroup(f, eventGroup, func(f *pflag.FlagSet) {
		f.StringVar(&e.types, "type", "", "only events of these `types`, type,…: LineDetector/Crossed")
		f.StringVar(&e.rules, "rule", "", "only events of these `rules`, the names of lines, zones and so on, name,…")
		f.StringVar(&e.transitions, "transition", "", "only events with these `transitions`, such as begin, end, enter, leave, forward or backward")
		f.StringVar(&e.labels, "label", "", "only what concerns objects of these `classes`, label,…")
		f.StringVar(&e.tracks, "track", "", "only what concerns these objects, the `ids` of their tracks, id,…")
		f.StringVar(&e.analyses, "analysis", "", "only events of these `analyses`, name,…: lines; sequence is that frames are missing, and the like")
	})
	return e
}

// filter is what the flags choose; an error names every violation.
func (e *eventFlags) filter() (events.Filter, error) {
	f := events.Filter{
		Analyses: flags.List(e.analyses), Types: flags.List(e.types), Rules: flags.List(e.rules),
		Labels: flags.List(e.labels), Transitions: flags.List(e.transitions),
	}
	var bad []error
	for _, text := range flags.List(e.tracks) {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id < 1 {
			bad = append(bad, fmt.Errorf("--track=%s: not the id of a track, a number above 0", text))
		}
		f.Tracks = append(f.Tracks, id)
	}
	return f, errors.Join(bad...)
}
