package message

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"text/template"
	"time"

	"github.com/framebeam/framebeam/alerts/rule"
	"github.com/framebeam/framebeam/transforms/eventsink"
)

// Fields are what a template may use. They are values alone, with nothing that does anything.
type Fields struct {
	Alert      string // the alert rule's name
	Camera     string
	Type       string // LineDetector/Crossed
	Rule       string // the line's or zone's name
	Transition string
	Label      string // the object's class
	Detail     string
	ID         string
	Value      float64
	Track      int64
	Time       time.Time // of capture, by the clocks of the zone
	More       int       // events that were held back since the last message
	Since      time.Time // when the first of these happened
	Summary    bool      // these are all there is
}

// DefaultText is the text of a rule that has none.
const DefaultText = `{{.Camera}}: {{.Type}}{{with .Rule}} {{.}}{{end}}{{with .Transition}} {{.}}{{end}}{{with .Label}} ({{.}}){{end}}` +
	` at {{.Time.Format "2006-01-02 15:04:05 MST"}}{{with .Detail}}, {{.}}{{end}}` +
	`{{if .More}}, and {{.More}} more since {{.Since.Format "15:04:05"}}{{end}}`

// DefaultSummary is the text of a summary.
const DefaultSummary = `{{.Camera}}: {{.More}} more of {{.Type}}{{with .Rule}} {{.}}{{end}} since {{.Since.Format "15:04:05"}}, the last at ` +
	`{{.Time.Format "2006-01-02 15:04:05 MST"}}`

// Template makes texts of messages.
type Template struct{ t *template.Template }

// MaxText bounds a text in bytes.
const MaxText = 16 << 10

var errLong = errors.New("the text is too long")

// bounded is a buffer that takes no more than MaxText bytes.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > MaxText {
		return 0, errLong
	}
	return b.Buffer.Write(p)
}

// ParseTemplate parses a template, and tries it.
func ParseTemplate(text string) (*Template, error) {
	t, err := template.New("message").Option("missingkey=error").Funcs(template.FuncMap{"call": none, "printf": none, "slice": none}).Parse(text)
	if err != nil {
		return nil, plain(err)
	}
	out := &Template{t}
	if _, err := out.Text(Fields{Camera: "gate", Type: "LineDetector/Crossed", Rule: "door", Time: time.Unix(0, 0).UTC()}); err != nil {
		return nil, err
	}
	return out, nil
}

// plain is an error of a template without what only its package knows.
func plain(err error) error {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "template: "), "message:")
	return errors.New("the template: " + strings.Replace(text, "executing \"message\" at ", "", 1))
}

// none stands for what templates have and should not: with a width of a billion printf fills
// the memory.
func none(...any) (string, error) { return "", errors.New("there is no such function here") }

// Text fills the template in.
func (t *Template) Text(f Fields) (string, error) {
	var b bounded
	if err := t.t.Execute(&b, f); err != nil {
		return "", plain(err)
	}
	return strings.TrimSpace(b.String()), nil
}

// FieldsOf are those of a message.
func FieldsOf(alert string, e *eventsink.Event, held *rule.Held, summary bool, zone *time.Location) Fields {
	if zone == nil {
		zone = time.UTC
	}
	value := float64(e.Value)
	if math.IsNaN(value) {
		value = 0
	}
	return Fields{
		Alert: alert, Camera: e.Camera, Type: e.Type, Rule: e.Rule, Transition: e.Transition, Label: e.Label, Detail: e.Detail,
		ID: e.ID, Value: value, Track: e.Track, Time: e.Captured.In(zone),
		More: held.Count, Since: held.From.In(zone), Summary: summary,
	}
}
