// Package params defines the parameters of analyses. An analysis has one Go struct that
// holds the defaults. From it the package derives the JSON Schema, and by it it decodes
// strictly and checks.
//
// A struct's exported fields are the parameters. Tags say what they are:
//
//	json:"min_area"   the name in configurations; every field needs one
//	doc:"..."         one sentence for the schema, with the unit
//	min:"0" max:"1"   of numbers and durations, and of every number in a list
//	enum:"a,b"        of strings, and of every string in a list
//	items:"1,8"       least and most entries of a list
//	hidden:"true"     not to be configured: the program sets it
//
// Types are bool, int, int64, float64, string, [Duration], structs, and slices and
// string-keyed maps of them.
package params

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Params are the parameters of one analysis: a struct, not a pointer.
type Params interface {
	// Validate returns every violation, joined, each made by [Wrong] where one
	// field is at fault. [Check] finds what the tags say.
	Validate() error
}

// Duration is a time.Duration that configurations write as "10s".
type Duration time.Duration

// String is the duration as time.Duration writes it.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalJSON writes the duration as a string.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads a string such as "10s".
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return errors.New("not a duration such as \"10s\"")
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 10s", s)
	}
	*d = Duration(v)
	return nil
}

// Violation is what is wrong with one parameter.
type Violation struct {
	Field string // its name, or a path such as points/3
	Text  string
}

func (v *Violation) Error() string { return v.Field + ": " + v.Text }

// Wrong makes a [Violation].
func Wrong(field, format string, args ...any) error {
	return &Violation{field, fmt.Sprintf(format, args...)}
}

// Violations takes a joined error apart. What is no Violation has no field.
func Violations(err error) []Violation {
	if err == nil {
		return nil
	}
	if v, ok := err.(*Violation); ok { //nolint:errorlint // takes the tree apart itself, since each node may hold several
		return []Violation{*v}
	}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		var all []Violation
		for _, e := range j.Unwrap() {
			all = append(all, Violations(e)...)
		}
		return all
	}
	return []Violation{{Text: err.Error()}}
}

// Decode overlays the parameters in raw, if there are any, over those in into, a
// pointer to the defaults. Unknown names are refused.
func Decode(raw json.RawMessage, into any) error {
	if len(raw) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("parameters: %w", err)
	}
	return nil
}

// Digest names parameters and the version of the algorithm that they are for:
// equal parameters have equal digests, however they were written.
func Digest(analysis string, version int, p any) (string, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("digest of the parameters of %s: %w", analysis, err)
	}
	sum := sha256.Sum256(b)
	return fmt.Sprintf("%s v%d %s", analysis, version, hex.EncodeToString(sum[:8])), nil
}
