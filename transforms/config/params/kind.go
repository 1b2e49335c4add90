package params

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/transforms/config/schedule"
)

// Kind is a kind of analysis as configurations know it.
type Kind struct {
	// Name is the key in configurations, [a-z_]+.
	Name string
	// Doc is one sentence for the schema.
	Doc string
	// Named kinds are configured as a mapping of names to parameters, each an
	// analysis of its own: "zones", of which "zones/gate" is one.
	Named bool
	// Default are the parameters that are not configured.
	Default Params
	// Check decodes and validates parameters and returns them whole.
	Check func(raw json.RawMessage) (Params, error)
}

// KindOf describes a kind whose parameters are P.
func KindOf[P Params](name, doc string, named bool, defaults P) Kind {
	return Kind{Name: name, Doc: doc, Named: named, Default: defaults, Check: func(raw json.RawMessage) (Params, error) {
		p, err := Of(raw, defaults)
		if err != nil {
			return nil, err
		}
		return p, nil
	}}
}

// Of is the parameters in raw over the defaults, checked.
func Of[P Params](raw json.RawMessage, defaults P) (P, error) {
	p := clone(defaults)
	if err := Decode(raw, &p); err != nil {
		return p, err
	}
	return p, p.Validate()
}

// clone copies what Decode would otherwise write into the defaults' own slices.
func clone[P any](p P) P {
	b, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("params: defaults of %T: %v", p, err))
	}
	var c P
	if err := json.Unmarshal(b, &c); err != nil {
		panic(fmt.Sprintf("params: defaults of %T: %v", p, err))
	}
	return c
}

// Spec describes one analysis so that it can travel to the workers.
type Spec struct {
	Kind   string
	Name   string          // the kind's, or "kind/name" of a named kind
	Params json.RawMessage // the whole parameters; nil: the defaults
	// During holds at the times of its schedules; the first that does, counts.
	During []Variant
	// Off: not at all, outside of During.
	Off bool
	// When are the whole parameters of when an analysis of a frame on its own looks, which
	// then is a step in sequence; nil: at every frame.
	When json.RawMessage `json:",omitempty"`
}

// Variant is what holds of an analysis during a schedule.
type Variant struct {
	Schedule schedule.Schedule
	Params   json.RawMessage // whole, not only what differs
	Off      bool
}

// Rule is the name within a named kind.
func (s Spec) Rule() string {
	_, rule, _ := strings.Cut(s.Name, "/")
	return rule
}

var validName = regexp.MustCompile(`^[a-z][a-z_]*$`)

// Registry knows kinds by name.
type Registry[K interface{ Describe() Kind }] struct{ kinds map[string]K }

// Add makes a kind known; a second one of the name is a fault of the program.
func (r *Registry[K]) Add(k K) {
	if r.kinds == nil {
		r.kinds = map[string]K{}
	}
	name := k.Describe().Name
	if _, twice := r.kinds[name]; twice || !validName.MatchString(name) {
		panic(fmt.Sprintf("params: %q is registered already, or no name", name))
	}
	r.kinds[name] = k
}

// Get returns the kind of that name.
func (r *Registry[K]) Get(name string) (K, error) {
	k, ok := r.kinds[name]
	if !ok {
		return k, fmt.Errorf("unknown analysis %q (known: %s)", name, strings.Join(slices.Sorted(maps.Keys(r.kinds)), ", "))
	}
	return k, nil
}

// All returns the kinds by name.
func (r *Registry[K]) All() []K {
	var all []K
	for _, name := range slices.Sorted(maps.Keys(r.kinds)) {
		all = append(all, r.kinds[name])
	}
	return all
}
