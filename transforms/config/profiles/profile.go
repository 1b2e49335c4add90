package profiles

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/framebeam/framebeam/strictyaml"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/perframe"
	"github.com/framebeam/framebeam/transforms/sequence"
	_ "github.com/framebeam/framebeam/transforms/sequence/steps" // the analyses that register themselves
)

// profile is how the cameras of one pattern are analysed: everything that is
// configured, whole.
type profile struct {
	Match    string
	Silence  time.Duration
	PerFrame []params.Spec
	Steps    []params.Spec
}

// wrong is a violation: where in the file, the likeliest place first, and what.
type wrong struct {
	at   []string // JSON pointers
	of   []string // likewise, of what else it follows from
	text string
}

func (w *wrong) Error() string { return w.text }

func (w *wrong) line(lines strictyaml.Lines) int {
	for _, p := range w.at {
		if line, ok := lines[p]; ok {
			return line
		}
	}
	return lines.At(w.at[0])
}

// profiles makes those of the overrides, in order, and at last the one for all.
func (c *Config) profiles() (all []profile, bad []*wrong) {
	if c.recorded != nil {
		for _, p := range c.recorded {
			p.PerFrame, p.Steps = slices.Clone(p.PerFrame), slices.Clone(p.Steps)
			all = append(all, p)
		}
		return all, nil
	}
	for i := range len(c.Cameras) + 1 {
		b := builder{cfg: c, camera: -1, profile: profile{Silence: c.Silence}}
		if i < len(c.Cameras) {
			o := &c.Cameras[i]
			b.camera, b.override, b.profile.Match = i, o.Analyses, o.Match
			if o.Silence != 0 {
				b.profile.Silence = o.Silence
			}
		}
		b.build()
		all, bad = append(all, b.profile), append(bad, b.bad...)
	}
	return all, bad
}

// builder makes one profile.
type builder struct {
	cfg      *Config
	camera   int // index of the override; -1: none
	override map[string]json.RawMessage
	profile  profile
	bad      []*wrong
	faulty   map[string]bool // analyses that something is wrong with
}

// pointers to a place in an analysis' settings, the override's first.
func (b *builder) pointers(path ...string) []string {
	at := strictyaml.Pointer(path...)
	if b.camera < 0 {
		return []string{at}
	}
	return []string{strictyaml.Pointer("cameras", strconv.Itoa(b.camera)) + at, at}
}

// wrong notes a violation of a field of an analysis.
func (b *builder) wrong(path []string, field, text string, of ...string) {
	w := &wrong{of: of, text: fmt.Sprintf("%s: %s", path[len(path)-1], text)}
	if field != "" {
		w.text = fmt.Sprintf("%s: %s: %s", path[len(path)-1], field, text)
		for _, p := range b.pointers(path...) {
			w.at = append(w.at, p+"/"+field)
		}
	}
	w.at = append(w.at, b.pointers(path...)...)
	b.bad = append(b.bad, w)
}

func (b *builder) build() {
	kinds, sequential := allKinds()
	known := map[string]bool{}
	b.faulty = map[string]bool{}
	for _, k := range kinds {
		known[k.Name] = true
		base, err1 := decode(b.cfg.Analyses[k.Name])
		over, err2 := decode(b.override[k.Name])
		s, err3 := settingOf(base)
		if err := errors.Join(err1, err2, err3); err != nil {
			b.wrong([]string{k.Name}, "", err.Error())
			continue
		}
		if s, err3 = s.over(over); err3 != nil {
			b.wrong([]string{k.Name}, "", err3.Error())
			continue
		}
		if !s.on {
			continue
		}
		specs := b.specs(k, s)
		for _, spec := range specs {
			if sequential[k.Name] || spec.When != nil {
				b.profile.Steps = append(b.profile.Steps, spec)
			} else {
				b.profile.PerFrame = append(b.profile.PerFrame, spec)
			}
		}
	}
	for _, of := range []map[string]json.RawMessage{b.cfg.Analyses, b.override} {
		for _, name := range slices.Sorted(maps.Keys(of)) {
			if !known[name] {
				b.wrong([]string{name}, "", "there is no such analysis"+strictyaml.DidYouMean(name, slices.Collect(maps.Keys(known))))
			}
		}
	}
	if err := sequence.Order(b.profile.Steps); err != nil {
		b.wrong([]string{"analyses"}, "", err.Error())
	}
	b.checkReads()
	b.fit()
}

// specs are the analyses of a kind.
func (b *builder) specs(k params.Kind, s setting) (specs []params.Spec) {
	if !k.Named {
		if spec, ok := b.spec(k, k.Name, []string{k.Name}, s); ok {
			specs = append(specs, spec)
		} else {
			b.faulty[k.Name] = true
		}
		return specs
	}
	for _, rule := range slices.Sorted(maps.Keys(s.fields)) {
		one, err := settingOf(s.fields[rule])
		path := []string{k.Name, rule}
		if err != nil {
			b.wrong(path, "", err.Error())
		} else if one.on {
			if spec, ok := b.spec(k, k.Name+"/"+rule, path, one); ok {
				specs = append(specs, spec)
			} else {
				b.faulty[k.Name+"/"+rule] = true
			}
		}
	}
	return specs
}

// spec makes one analysis with what holds of it during schedules.
func (b *builder) spec(k params.Kind, name string, path []string, s setting) (params.Spec, bool) {
	spec := params.Spec{Kind: k.Name, Name: name}
	var names []string
	for _, sc := range b.cfg.Schedules {
		names = append(names, sc.Name)
	}
	base := without(s.fields, "during", "only", "when")
	var right bool
	spec.Params, right = b.whole(k, path, "", base)
	when, err := settingOf(s.fields["when"])
	if err != nil {
		b.wrong(path, "when", err.Error())
	}
	if when.on && err == nil {
		var ok bool
		if spec.When, ok = b.whole(whenKind(), path, "when", when.fields); !ok {
			right = false
		}
	}
	during, _ := s.fields["during"].(map[string]any)
	only, _ := s.fields["only"].([]any)
	spec.Off = len(only) > 0
	used := map[string]bool{}
	for _, sc := range b.cfg.Schedules {
		v, varies := during[sc.Name]
		if used[sc.Name] = true; !varies && !slices.Contains(only, any(sc.Name)) {
			continue
		}
		one, err := setting{on: true, fields: base}.over(v)
		if err != nil {
			b.wrong(path, "during/"+sc.Name, err.Error())
			continue
		}
		variant := params.Variant{Schedule: sc, Off: !one.on}
		if one.on {
			var ok bool
			if variant.Params, ok = b.whole(k, path, "", one.fields); !ok {
				right = false
			}
		}
		spec.During = append(spec.During, variant)
	}
	for _, name := range slices.Sorted(maps.Keys(during)) {
		if !used[name] {
			b.wrong(path, "during/"+name, "there is no such schedule"+strictyaml.DidYouMean(name, names), "/schedules")
		}
	}
	for i, v := range only {
		if name, _ := v.(string); !used[name] {
			b.wrong(path, "only/"+strconv.Itoa(i), fmt.Sprintf("there is no schedule %q%s", name, strictyaml.DidYouMean(name, names)), "/schedules")
		}
	}
	return spec, right
}

// whole are the parameters over the kind's defaults, checked, in one spelling. They stand
// in a field of what lies at path, or in that itself ("").
func (b *builder) whole(k params.Kind, path []string, field string, fields map[string]any) (json.RawMessage, bool) {
	raw, err := json.Marshal(fields)
	if err == nil {
		var p params.Params
		if p, err = k.Check(raw); err == nil {
			if sense := senses()[k.Name]; sense != nil {
				err = sense(p)
			}
		}
		if err == nil {
			raw, err = json.Marshal(p)
		}
	}
	for _, v := range params.Violations(err) {
		b.wrong(path, strings.Trim(field+"/"+v.Field, "/"), v.Text)
	}
	return raw, err == nil
}

// senses are those of the kinds that have one, by name.
var senses = sync.OnceValue(func() map[string]func(params.Params) error {
	all := map[string]func(params.Params) error{}
	for _, k := range sequence.Kinds() {
		all[k.Name] = k.Sense
	}
	return all
})

// checkReads looks for analyses that are read but not switched on.
func (b *builder) checkReads() {
	on := maps.Clone(b.faulty) // they are on, and something else is wrong with them
	sometimes := map[string]bool{}
	for _, s := range slices.Concat(b.profile.PerFrame, b.profile.Steps) {
		on[s.Name] = true
		sometimes[s.Name] = s.When != nil
	}
	for _, s := range b.profile.Steps {
		reads, err := sequence.Reads(s)
		if err != nil {
			b.wrong(specPath(s), "", err.Error())
		}
		for _, name := range reads {
			if k, err := sequence.KindOf(s); err == nil && sometimes[name] && k.Stage != sequence.Follows {
				b.wrong(specPath(s), "", fmt.Sprintf("reads %q, which looks at some frames only (when): read tracking, which follows what it finds over the others", name))
			}
			if !on[name] {
				kind, rule, named := strings.Cut(name, "/")
				of := []string{kind}
				if named {
					of = append(of, rule)
				}
				b.wrong(specPath(s), "", fmt.Sprintf("reads %q, which is not switched on for the same cameras%s", name, strictyaml.DidYouMean(name, slices.Collect(maps.Keys(on)))), b.pointers(of...)...)
			}
		}
	}
}

func specPath(s params.Spec) []string {
	if rule := s.Rule(); rule != "" {
		return []string{s.Kind, rule}
	}
	return []string{s.Kind}
}

// fit gives what is left of the state to the step that takes as much as there is.
func (b *builder) fit() {
	// What the stage itself remembers takes at most a quarter.
	room := b.cfg.StateLimit * 3 / 4
	byName := map[string]sequence.Kind{}
	for _, k := range sequence.Kinds() {
		byName[k.Name] = k
	}
	for _, s := range b.profile.Steps {
		if k, err := sequence.KindOf(s); err == nil {
			room -= k.Bytes
		}
	}
	const least = 1 << 10
	takes := slices.IndexFunc(b.profile.Steps, func(s params.Spec) bool { return s.When == nil && byName[s.Kind].Fit != nil })
	if room < 0 || takes >= 0 && room < least {
		b.bad = append(b.bad, &wrong{at: []string{"/state_limit", ""}, text: fmt.Sprintf("analyses: state_limit: %d bytes are too few for these analyses of one camera: give at least %d",
			b.cfg.StateLimit, (b.cfg.StateLimit*3/4-room+least)*4/3+4)})
		return
	}
	if takes < 0 {
		return
	}
	s := &b.profile.Steps[takes]
	refit := func(raw json.RawMessage) json.RawMessage {
		p, err := byName[s.Kind].Check(raw)
		if err == nil {
			raw, err = json.Marshal(byName[s.Kind].Fit(p, room))
		}
		if err != nil {
			b.wrong(specPath(*s), "", err.Error())
		}
		return raw
	}
	s.Params = refit(s.Params)
	for i := range s.During {
		if v := &s.During[i]; !v.Off {
			v.Params = refit(v.Params)
		}
	}
}

// analysis is one as it is recorded.
type analysis struct {
	params.Spec
	Digest string
}

// effective is a profile with the digests of its analyses.
type effective struct {
	Match    string
	Silence  time.Duration
	PerFrame []analysis
	Sequence []analysis
	// Digest is of all of it, and of what else its results depend on.
	Digest string
}

// effective completes the profile and makes every analysis once, to know its digest. It
// returns all that is wrong.
func (c *Config) effective(p *profile) (effective, []error) {
	e := effective{Match: p.Match, Silence: p.Silence}
	var errs []error
	for i := range p.PerFrame {
		// With the digests of the files that it names, for the workers.
		s, err := perframe.Resolve(p.PerFrame[i])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.PerFrame[i] = s
		a, err := perframe.Make(s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		e.PerFrame = append(e.PerFrame, analysis{s, a.Digest()})
	}
	for i, s := range p.Steps {
		if s.When != nil {
			var err error
			if s, err = perframe.Resolve(s); err != nil {
				errs = append(errs, err)
				continue
			}
			p.Steps[i] = s
		}
		step, err := sequence.Make(s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		e.Sequence = append(e.Sequence, analysis{s, step.Digest()})
	}
	if len(errs) > 0 {
		return e, errs
	}
	text, err := json.Marshal(struct {
		Profile  effective
		Settings Settings
		platform
	}{effective{"", e.Silence, e.PerFrame, e.Sequence, ""}, c.Settings, thisPlatform()})
	if err != nil {
		return e, []error{fmt.Errorf("encode profile: %w", err)}
	}
	sum := sha256.Sum256(text)
	e.Digest = hex.EncodeToString(sum[:8])
	return e, nil
}
