package cli

import (
	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/history/clip"
)

// eventFlags choose events.
type eventFlags struct{ analyses, types, rules, labels, transitions string }

func newEventFlags(f *pflag.FlagSet) *eventFlags {
	e := &eventFlags{}
	f.StringVar(&e.types, "type", "", "only events of these `types`, type,…: LineDetector/Crossed")
	f.StringVar(&e.rules, "rule", "", "only events of these `rules`, the names of lines, zones and so on, name,…")
	f.StringVar(&e.transitions, "transition", "", "only events with these `transitions`, such as begin, end, enter, leave, forward or backward")
	f.StringVar(&e.labels, "label", "", "only what concerns objects of these `classes`, label,…")
	f.StringVar(&e.analyses, "analysis", "", "only events of these `analyses`, name,…: lines; sequence is that frames are missing, and the like")
	return e
}

func (e *eventFlags) filter() clip.Filter {
	return clip.Filter{
		Analyses: flags.List(e.analyses), Types: flags.List(e.types), Rules: flags.List(e.rules), Labels: flags.List(e.labels), Transitions: flags.List(e.transitions),
	}
}
