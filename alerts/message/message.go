// Package message is what is told of an event: its text, and how it looks on its way.
package message

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/framebeam/framebeam/alerts/rule"
	"github.com/framebeam/framebeam/transforms/eventsink"
)

// Type is the CloudEvents type of an alert; a format that is not compatible gets another one.
// Fields may be added to the JSON under the same type.
const Type = "com.framebeam.alert.v1"

// Message is one alert.
type Message struct {
	// ID is that of the event; of a summary, and of a test, one of its own. It is the same
	// whenever the same is told again.
	ID    string
	Alert string // the rule's name
	Text  string
	// Event is what happened; of a summary, the last event that was held back.
	Event eventsink.Event
	// Held are those that were held back since the last message of the rule and the camera. Of
	// a summary they are all there is.
	Held    rule.Held
	Summary bool
	Test    bool // nothing has happened

	Picture Picture
}

// Picture is a JPEG, or why there is none.
type Picture struct {
	JPEG []byte
	// Without says why there is none; "" if none was wanted.
	Without string
	// Plain: nothing is drawn of what was found, since that is not known yet.
	Plain bool
}

// data is a message as JSON, without the picture.
type data struct {
	Alert   string          `json:"alert"`
	Text    string          `json:"text"`
	Summary bool            `json:"summary,omitempty"`
	Test    bool            `json:"test,omitempty"`
	Event   eventsink.Event `json:"event"`
	Held    *held           `json:"held,omitempty"`
	Picture []byte          `json:"picture,omitempty"` // base64
	Without string          `json:"no_picture,omitempty"`
}

type held struct {
	Count int       `json:"count"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// JSON is the message as JSON, with the picture in base64 if it is wanted.
func (m *Message) JSON(picture bool) ([]byte, error) {
	d := data{Alert: m.Alert, Text: m.Text, Summary: m.Summary, Test: m.Test, Event: m.Event, Without: m.Picture.Without}
	if m.Held.Count > 0 {
		d.Held = &held{m.Held.Count, m.Held.From.UTC(), m.Held.To.UTC()}
	}
	if picture {
		d.Picture = m.Picture.JPEG
	}
	b, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("alert %s of event %s: %w", m.Alert, m.ID, err)
	}
	return b, nil
}

// Attribute is one of a CloudEvent's context.
type Attribute struct{ Name, Value string }

// ContentType is that of [Message.JSON].
const ContentType = "application/json"

// Attributes are the CloudEvent's context, but for the type of its data. Its source is the rule
// and the camera, so that an alert is not taken for the event that it is about.
func (m *Message) Attributes() []Attribute {
	return []Attribute{
		{"specversion", "1.0"},
		{"id", m.ID},
		{"source", "/alerts/" + url.PathEscape(m.Alert) + "/cameras/" + url.PathEscape(m.Event.Camera)},
		{"type", Type},
		{"subject", m.Event.Type},
		{"time", m.Event.Captured.UTC().Format(time.RFC3339Nano)},
	}
}

// StructuredType is the content type of [Message.Structured].
const StructuredType = "application/cloudevents+json"

// Structured is the whole CloudEvent as JSON.
func (m *Message) Structured(picture bool) ([]byte, error) {
	body, err := m.JSON(picture)
	if err != nil {
		return nil, err
	}
	event := map[string]any{"datacontenttype": ContentType, "data": json.RawMessage(body)}
	for _, a := range m.Attributes() {
		event[a.Name] = a.Value
	}
	return json.Marshal(event)
}

// Title is a short line about the message.
func (m *Message) Title() string {
	what := m.Event.Type
	if m.Event.Rule != "" {
		what += " " + m.Event.Rule
	}
	switch {
	case m.Test:
		return "Framebeam: a test"
	case m.Summary:
		return fmt.Sprintf("%s: %d more of %s", m.Event.Camera, m.Held.Count, what)
	}
	return strings.TrimSpace(m.Event.Camera + ": " + what)
}
