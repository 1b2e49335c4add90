package profiles

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/framebeam/framebeam/strictyaml"
	"github.com/framebeam/framebeam/transforms/config/schedule"
)

// document is the file as the schema has it.
type document struct {
	Silence   string              `json:"silence"`
	State     *int                `json:"state_limit"`
	Forget    *int64              `json:"forget_chunks"`
	Zone      *string             `json:"json_zone"`
	MaxPixels *int64              `json:"max_pixels"`
	MaxSide   *int                `json:"max_side"`
	Schedules []schedule.Schedule `json:"schedules"`
}

// Parse reads the content of a file. The error lists every violation with its line.
func Parse(file string, data []byte) (Config, error) {
	var bad strictyaml.Violations
	cfg := Default()
	if root := bad.Parse(data); !strictyaml.IsNull(root) {
		tree, lines, unread := bad.Tree(root)
		b := broken{}
		for _, pointer := range unread {
			b[pointer] = true
		}
		againstSchema(&bad, b, tree, lines)
		if fields, ok := tree.(map[string]any); ok {
			read(&bad, b, &cfg, fields, lines)
		}
	}
	if err := bad.Err(file); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// againstSchema notes where the document is not as the schema says, and cuts that out of
// it, until the rest is.
func againstSchema(bad *strictyaml.Violations, b broken, tree any, lines strictyaml.Lines) {
	s, err := compiledSchema()
	if err != nil {
		bad.Add(1, "%v", err)
		return
	}
	// What was cut may have hidden something, or be missing: a few rounds are enough.
	const rounds = 10
	for range rounds {
		err := s.Validate(tree)
		var invalid *jsonschema.ValidationError
		if err == nil {
			return
		} else if !errors.As(err, &invalid) {
			bad.Add(1, "%v", err)
			return
		}
		p := message.NewPrinter(language.English)
		for _, e := range leaves(invalid, p) {
			note(bad, b, e, tree, lines, p)
		}
		if b[""] {
			return
		}
	}
}

// leaves are what is wrong, in an order that is always the same.
func leaves(e *jsonschema.ValidationError, p *message.Printer) (all []*jsonschema.ValidationError) {
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	for _, c := range e.Causes {
		all = append(all, leaves(c, p)...)
	}
	slices.SortStableFunc(all, func(a, b *jsonschema.ValidationError) int {
		return cmp.Or(slices.Compare(a.InstanceLocation, b.InstanceLocation), cmp.Compare(a.ErrorKind.LocalizedString(p), b.ErrorKind.LocalizedString(p)))
	})
	return all
}

func note(bad *strictyaml.Violations, b broken, e *jsonschema.ValidationError, tree any, lines strictyaml.Lines, p *message.Printer) {
	where := strings.Join(e.InstanceLocation, ": ")
	if where == "" {
		where = "analyses"
	}
	at := strictyaml.Pointer(e.InstanceLocation...)
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			path := append(slices.Clone(e.InstanceLocation), name)
			bad.Add(lines.At(strictyaml.Pointer(path...)), "%s: unknown field %q%s", where, name, strictyaml.DidYouMean(name, knownAt(e.SchemaURL)))
			b.cut(tree, path)
		}
		return
	case *kind.Required:
		news := b.lacks(tree, e.InstanceLocation, k)
		if len(news) == 0 {
			return
		}
		e.ErrorKind = &kind.Required{Missing: news}
	default:
		already := b.holds(at)
		b.cut(tree, e.InstanceLocation)
		if already {
			return
		}
	}
	text := e.ErrorKind.LocalizedString(p)
	switch k := e.ErrorKind.(type) { // which it would write as 1.048577×10⁰⁶
	case *kind.Minimum:
		text = fmt.Sprintf("%s is less than %s", decimal(k.Got), decimal(k.Want))
	case *kind.Maximum:
		text = fmt.Sprintf("%s is more than %s", decimal(k.Got), decimal(k.Want))
	case *kind.Type:
		if isDuration(e) && (k.Got == "number" || k.Got == "integer") {
			text = "a number has no unit: write 10s for ten seconds, say"
		}
	case *kind.Pattern:
		if isDuration(e) {
			text = fmt.Sprintf("%q is not a duration such as 10s", k.Got)
			if err := strictyaml.MissingUnit(k.Got); err != nil {
				text = err.Error()
			}
		}
	}
	bad.Add(lines.At(at), "%s: %s", where, text)
}

// isDuration reports that it is a duration that is wrong.
func isDuration(e *jsonschema.ValidationError) bool {
	_, at, _ := strings.Cut(e.SchemaURL, "#")
	at, err := url.PathUnescape(at)
	return err == nil && durationAt()[at]
}

func decimal(r *big.Rat) string {
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// read makes the configuration of a document that is as the schema says, but for what is
// broken and was cut out.
func read(bad *strictyaml.Violations, b broken, cfg *Config, tree map[string]any, lines strictyaml.Lines) {
	var doc document
	settings := map[string]any{}
	for key, v := range tree {
		if isSetting(key) {
			settings[key] = v
		}
	}
	raw, err := json.Marshal(settings)
	if err == nil {
		err = json.Unmarshal(raw, &doc)
	}
	if err != nil {
		bad.Add(1, "analyses: %v", err)
		return
	}
	cfg.Silence = silence(bad, doc.Silence, "/silence", lines, cfg.Silence)
	set(&cfg.StateLimit, doc.State)
	set(&cfg.Forget, doc.Forget)
	set(&cfg.Parse.Zone, doc.Zone)
	set(&cfg.Parse.MaxPixels, doc.MaxPixels)
	set(&cfg.Parse.MaxSide, doc.MaxSide)
	if err := cfg.Parse.Validate(); err != nil {
		bad.Add(lines.At("/json_zone"), "analyses: json_zone: %v", err)
	}
	if cfg.Parse.Zone == "" {
		bad.Add(lines.At("/json_zone"), "analyses: json_zone: is empty")
	}
	cfg.Schedules = doc.Schedules
	names := map[string]bool{}
	for i, s := range cfg.Schedules {
		at := strictyaml.Pointer("schedules", strconv.Itoa(i))
		if err := s.Validate(); err != nil {
			for _, line := range strings.Split(err.Error(), "\n") {
				bad.Add(lines.At(at), "schedules: %s: %s", s.Name, line)
			}
		}
		if names[s.Name] && !b.holds(at+"/name") {
			bad.Add(lines.At(at), "schedules: two are named %q", s.Name)
		}
		names[s.Name] = true
	}
	readAnalyses(bad, cfg.Analyses, tree, "")
	cameras, _ := tree["cameras"].([]any)
	for i, c := range cameras {
		at := strictyaml.Pointer("cameras", strconv.Itoa(i))
		entry := c.(map[string]any)
		o := Override{Match: entry["match"].(string), Analyses: map[string]json.RawMessage{}}
		if _, err := path.Match(o.Match, ""); err != nil && !b.holds(at+"/match") {
			bad.Add(lines.At(at+"/match"), "cameras: match: %q is not a pattern: %v", o.Match, err)
		}
		text, _ := entry["silence"].(string)
		o.Silence = silence(bad, text, at+"/silence", lines, 0)
		readAnalyses(bad, o.Analyses, entry, at)
		cfg.Cameras = append(cfg.Cameras, o)
	}
	_, wrong := cfg.profiles()
	seen := map[string]bool{}
	for _, w := range wrong {
		if slices.ContainsFunc(w.at, b.holds) || slices.ContainsFunc(w.of, b.in) {
			continue
		}
		line := w.line(lines)
		if text := fmt.Sprintf("%d %s", line, w.text); !seen[text] {
			seen[text] = true
			bad.Add(line, "%s", w.text)
		}
	}
}

func readAnalyses(bad *strictyaml.Violations, to map[string]json.RawMessage, tree map[string]any, at string) {
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		if isSetting(key) || at != "" && key == "match" {
			continue
		}
		b, err := json.Marshal(tree[key])
		if err != nil {
			bad.Add(1, "%s%s: %v", at, key, err)
			continue
		}
		to[key] = b
	}
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func silence(bad *strictyaml.Violations, text, at string, lines strictyaml.Lines, none time.Duration) time.Duration {
	if text == "" {
		return none
	}
	if err := strictyaml.MissingUnit(text); err != nil {
		bad.Add(lines.At(at), "analyses: silence: %v", err)
		return none
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Millisecond || d > 24*time.Hour {
		bad.Add(lines.At(at), "analyses: silence: %q is not a duration from 1ms to 24h, such as 10s", text)
	}
	return d
}
