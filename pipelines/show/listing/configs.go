package listing

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/output"
)

// showConfigs prints a line for every pattern of cameras of every generation: with what
// a row's config is matched with the journal's config_digest.
func showConfigs(w io.Writer, gens []output.Generation) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "generation\tconfig\tcameras\tconfig_digest")
	for _, g := range gens {
		all, err := profiles.RecordedProfiles(g.Config)
		if err != nil || len(all) == 0 {
			all = []profiles.RecordedProfile{{Digest: "-"}} // a text for people, from elsewhere
		}
		for _, p := range all {
			match := p.Match
			if match == "" {
				match = "(all others)"
			}
			fmt.Fprintf(t, "%d\t%s\t%s\t%s\n", g.Number, p.Digest, match, g.ConfigDigest)
		}
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write configurations: %w", err)
	}
	return nil
}
