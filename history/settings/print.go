package settings

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/framebeam/framebeam/history/table"
	"github.com/framebeam/framebeam/transforms/chunk"
)

// List prints a line for each configuration and generation.
func List(w io.Writer, all []Config) error {
	t := table.New(w, "config", "cameras", "analyses", "generation", "rows", "code", "digest of the whole")
	for _, c := range all {
		names := make([]string, len(c.Analyses))
		for i, a := range c.Analyses {
			names[i] = a.Name
		}
		for _, m := range c.Made {
			t.Row(c.Digest, c.cameras(), strings.Join(names, ","), fmt.Sprint(m.Number), m.rows(), m.CodeVersion, m.ConfigDigest)
		}
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write configurations: %w", err)
	}
	return nil
}

// Show prints all that is known of configurations: parameters as a configuration file has them.
func Show(w io.Writer, found []Config) error {
	var b strings.Builder
	for i, c := range found {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "config   %s\ncameras  %s\n", c.Digest, c.cameras())
		for _, m := range c.Made {
			fmt.Fprintf(&b, "made by  generation %d: %s (code %s; %s; digest of the whole %s)\n",
				m.Number, m.rows(), cmp.Or(m.CodeVersion, "-"), cmp.Or(m.OpenCV, "-"), m.ConfigDigest)
		}
		if len(c.Analyses) == 0 {
			fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(c.Made[0].Config))
			continue
		}
		fmt.Fprintf(&b, "silence  %v\n\n", c.Silence)
		for _, a := range c.Analyses {
			if err := a.write(&b); err != nil {
				return err
			}
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return nil
}

// write prints an analysis as YAML.
func (a *Analysis) write(b *strings.Builder) error {
	params, err := yaml.JSONToYAML(a.Params)
	if err != nil {
		return fmt.Errorf("parameters of %s: %w", a.Name, err)
	}
	fmt.Fprintf(b, "%s:\n", a.Name)
	for line := range strings.Lines(string(params)) {
		b.WriteString("  " + line)
	}
	if s := string(a.During); s != "" && s != "null" {
		fmt.Fprintf(b, "  # only at times: %s\n", s)
	}
	return nil
}

// JSON prints an object for each configuration.
func JSON(w io.Writer, found []Config) error {
	type analysis struct {
		Name   string          `json:"name"`
		Params json.RawMessage `json:"params"`
		During json.RawMessage `json:"during,omitempty"`
	}
	type stretch struct {
		Topic     string `json:"topic"`
		Partition int32  `json:"log_partition"`
		From      int64  `json:"from_offset"`
		To        *int64 `json:"to_offset"` // exclusive; null: it has no end yet
	}
	type made struct {
		Generation int       `json:"generation"`
		Digest     string    `json:"generation_digest"`
		Code       string    `json:"code_version"`
		OpenCV     string    `json:"opencv"`
		Arch       string    `json:"arch"`
		Rows       []stretch `json:"rows"`
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, c := range found {
		o := struct {
			Config   string     `json:"config_digest"`
			Cameras  string     `json:"cameras"`
			Silence  float64    `json:"silence_seconds"`
			Analyses []analysis `json:"analyses"`
			Made     []made     `json:"made_by"`
		}{Config: c.Digest, Cameras: c.Cameras, Silence: c.Silence.Seconds(), Analyses: []analysis{}, Made: []made{}}
		for _, a := range c.Analyses {
			o.Analyses = append(o.Analyses, analysis(a))
		}
		for _, m := range c.Made {
			g := made{m.Number, m.ConfigDigest, m.CodeVersion, m.OpenCV, m.Arch, []stretch{}}
			for _, s := range m.Stretches {
				r := stretch{Topic: s.Topic, Partition: s.ID, From: s.From}
				if s.To != chunk.MaxOffset {
					r.To = &s.To
				}
				g.Rows = append(g.Rows, r)
			}
			o.Made = append(o.Made, g)
		}
		if err := enc.Encode(o); err != nil {
			return fmt.Errorf("write configuration: %w", err)
		}
	}
	return nil
}

func (c *Config) cameras() string { return cmp.Or(c.Cameras, "(all others)") }

// rows are those that the generation made.
func (m *Made) rows() string {
	if len(m.Stretches) == 0 {
		return "none that are left"
	}
	const most = 4
	var list []string
	for _, s := range m.Stretches[:min(most, len(m.Stretches))] {
		if s.To == chunk.MaxOffset {
			list = append(list, fmt.Sprintf("%s/%d from offset %d", s.Topic, s.ID, s.From))
		} else {
			list = append(list, fmt.Sprintf("%s/%d offsets %d to %d", s.Topic, s.ID, s.From, s.To-1))
		}
	}
	if more := len(m.Stretches) - most; more > 0 {
		list = append(list, fmt.Sprintf("and of %d more partitions", more))
	}
	return strings.Join(list, ", ")
}
