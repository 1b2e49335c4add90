package alerts

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/framebeam/framebeam/alerts/message"
)

// DeadLetters is the name of the file, in the folder of the ledger, of messages that were not
// taken: a JSON object a line. When it is larger than maxDead it becomes the file before it.
const DeadLetters = "dead-letters.jsonl"

const maxDead = 64 << 20

// letter is one that was not taken, and why.
type letter struct {
	At     time.Time `json:"at"`
	Target string    `json:"target"`
	Alert  string    `json:"alert,omitempty"`
	ID     string    `json:"id,omitempty"`
	Reason string    `json:"reason"`
	// Topic, Partition and Offset are those of the event's record.
	Topic     string          `json:"topic"`
	Partition int32           `json:"partition"`
	Offset    int64           `json:"offset"`
	Message   json.RawMessage `json:"message,omitempty"` // without the picture
}

type deadLetters struct {
	mu   sync.Mutex
	path string
}

// add appends a letter, durably.
func (d *deadLetters) add(l letter) (err error) {
	line, err := json.Marshal(l)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if info, err := os.Stat(d.path); err == nil && info.Size() > maxDead {
		if err := os.Rename(d.path, d.path+".1"); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(d.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(append(line, '\n')); err != nil {
		return err
	}
	return f.Sync()
}

// bury keeps what is not told. If that fails it is said, and goes on: the record is still in
// the topic.
func (c *courier) bury(l letter) {
	l.At, l.Target = time.Now().UTC(), c.target.Name
	l.Topic, l.Partition, l.Offset = c.p.Topic, c.p.ID, c.at.Offset
	if err := c.dead.add(l); err != nil {
		c.opts.Say("alerts to %s: event %s is lost to it (%s), and that cannot be written down: %v", c.target.Name, l.ID, l.Reason, err)
	}
}

func (c *courier) buryMessage(m *message.Message, reason string) {
	body, err := m.Structured(false)
	if err != nil {
		body = nil
		reason = fmt.Sprintf("%s (%v)", reason, err)
	}
	c.bury(letter{Alert: m.Alert, ID: m.ID, Reason: reason, Message: body})
}
