// Package ledger remembers, durably, what each target was told: how far it has come in each
// partition of the events topic, which events it knows, and what rules hold back.
//
// It is one file (bbolt): a change is there whole or not at all, whenever the process or the
// machine dies, and a second process cannot open it.
package ledger

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/framebeam/framebeam/alerts/rule"
)

// Known is how many ids of events are remembered for each target and partition: what analyses
// publish again is the end of a chunk or two.
const Known = 1 << 16

// file is the ledger's name in its folder.
const file = "alerts.db"

// format is that of the ledger; another is refused.
const format = "1"

var formatKey = []byte("format")

// ErrBusy says that another process has the ledger.
var ErrBusy = errors.New("another process tells alerts with this folder")

// Ledger is an open ledger. It is safe for concurrent use.
type Ledger struct{ db *bbolt.DB }

// Open opens the ledger in a folder, and makes both if they are not there.
func Open(folder string) (*Ledger, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(folder, file)
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%s: %w", path, ErrBusy)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte("ledger"))
		if err != nil {
			return err
		}
		switch have := b.Get(formatKey); {
		case have == nil:
			return b.Put(formatKey, []byte(format))
		case string(have) != format:
			return fmt.Errorf("it has format %.20q, which this program does not know", have)
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	return &Ledger{db}, nil
}

// Close closes the file.
func (l *Ledger) Close() error { return l.db.Close() }

// Position is how far a target has come in a partition: everything before Offset was told, or
// is not told by any rule. It is kept as JSON: fields are added, never renamed.
type Position struct {
	Topic  string `json:"topic_id,omitempty"` // what tells the topic from one created anew; "": not known
	Offset int64  `json:"offset"`
	// Last is the record that was read last, by which a log that lost its end is noticed. -1:
	// none was.
	Last   int64  `json:"last"`
	Digest uint64 `json:"digest"`
	Epoch  int32  `json:"epoch"`
}

// Page is what is remembered for one target and one partition. It is for one goroutine.
type Page struct {
	ledger *Ledger
	path   [2][]byte

	// What is not written yet.
	position *Position
	memories map[string]*rule.Memory
	known    []string
}

// Page opens that of a target and a partition.
func (l *Ledger) Page(target, topic string, partition int32) *Page {
	return &Page{
		ledger: l, path: [2][]byte{[]byte("target/" + target), fmt.Appendf(nil, "%s/%d", topic, partition)},
		memories: map[string]*rule.Memory{},
	}
}

var (
	positionKey = []byte("position")
	rulesKey    = []byte("rules") // a bucket: memories by rule and camera
	idsKey      = []byte("ids")   // a bucket: numbers by id
	orderKey    = []byte("order") // a bucket: ids by number
)

// bucket is the page's; nil if nothing was written yet.
func (p *Page) bucket(tx *bbolt.Tx) *bbolt.Bucket {
	if b := tx.Bucket(p.path[0]); b != nil {
		return b.Bucket(p.path[1])
	}
	return nil
}

// Position is how far the target has come; ok is false if it has not begun.
func (p *Page) Position() (at Position, ok bool, err error) {
	err = p.ledger.db.View(func(tx *bbolt.Tx) error {
		b := p.bucket(tx)
		if b == nil {
			return nil
		}
		if text := b.Get(positionKey); text != nil {
			ok = true
			return json.Unmarshal(text, &at)
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("ledger: position of %s: %w", p, err)
	}
	return at, ok, err
}

// MoveTo sets how far the target has come, as of the next [Page.Write].
func (p *Page) MoveTo(at Position) { p.position = &at }

// Knows reports whether an event was seen before.
func (p *Page) Knows(id string) (known bool, err error) {
	if slices.Contains(p.known, id) {
		return true, nil
	}
	err = p.ledger.db.View(func(tx *bbolt.Tx) error {
		if b := p.bucket(tx); b != nil && b.Bucket(idsKey) != nil {
			known = b.Bucket(idsKey).Get([]byte(id)) != nil
		}
		return nil
	})
	return known, err
}

// Know remembers an event, as of the next [Page.Write].
func (p *Page) Know(id string) { p.known = append(p.known, id) }

// maxPending is how many changes are kept before they are written.
const maxPending = 1000

// Full reports whether it is time for a [Page.Write].
func (p *Page) Full() bool { return len(p.known) >= maxPending || len(p.memories) >= maxPending }

// between separates the rule and the camera in a memory's key.
const between = "\x00"

// Memory is what is remembered of a rule and a camera, to be changed; it is kept with the next
// [Page.Write].
func (p *Page) Memory(of, camera string) (*rule.Memory, error) {
	key := of + between + camera
	if m := p.memories[key]; m != nil {
		return m, nil
	}
	m := &rule.Memory{}
	err := p.ledger.db.View(func(tx *bbolt.Tx) error {
		b := p.bucket(tx)
		if b == nil || b.Bucket(rulesKey) == nil {
			return nil
		}
		if text := b.Bucket(rulesKey).Get([]byte(key)); text != nil {
			return json.Unmarshal(text, m)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: what %s remembers of rule %s and camera %s: %w", p, of, camera, err)
	}
	p.memories[key] = m
	return m, nil
}

// Holding calls fn for every rule and camera of which something is held back, with what is
// remembered, to be looked at. What is pending must be written.
func (p *Page) Holding(fn func(of, camera string, m *rule.Memory) error) error {
	type entry struct {
		of, camera string
		memory     *rule.Memory
	}
	var found []entry
	err := p.ledger.db.View(func(tx *bbolt.Tx) error {
		b := p.bucket(tx)
		if b == nil || b.Bucket(rulesKey) == nil {
			return nil
		}
		return b.Bucket(rulesKey).ForEach(func(k, v []byte) error {
			m := &rule.Memory{}
			if err := json.Unmarshal(v, m); err != nil {
				return err
			}
			if m.Held.Count > 0 {
				of, camera, _ := strings.Cut(string(k), between)
				found = append(found, entry{of, camera, m})
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("ledger: what %s holds back: %w", p, err)
	}
	for _, e := range found {
		if err := fn(e.of, e.camera, e.memory); err != nil {
			return err
		}
	}
	return nil
}

// Write makes all changes durable, at once.
func (p *Page) Write() error {
	if p.position == nil && len(p.memories) == 0 && len(p.known) == 0 {
		return nil
	}
	if err := p.ledger.db.Update(p.write); err != nil {
		return fmt.Errorf("ledger: %s: %w", p, err)
	}
	p.position, p.known = nil, nil
	clear(p.memories)
	return nil
}

func (p *Page) write(tx *bbolt.Tx) error {
	of, err := tx.CreateBucketIfNotExists(p.path[0])
	if err != nil {
		return err
	}
	b, err := of.CreateBucketIfNotExists(p.path[1])
	if err != nil {
		return err
	}
	if p.position != nil {
		if err := put(b, positionKey, p.position); err != nil {
			return err
		}
	}
	rules, err := b.CreateBucketIfNotExists(rulesKey)
	if err != nil {
		return err
	}
	for key, m := range p.memories {
		if err := put(rules, []byte(key), m); err != nil {
			return err
		}
	}
	return p.remember(b)
}

// remember notes the ids, and forgets the oldest.
func (p *Page) remember(b *bbolt.Bucket) error {
	ids, err := b.CreateBucketIfNotExists(idsKey)
	if err != nil {
		return err
	}
	order, err := b.CreateBucketIfNotExists(orderKey)
	if err != nil {
		return err
	}
	for _, id := range p.known {
		if ids.Get([]byte(id)) != nil {
			continue
		}
		n, err := order.NextSequence()
		if err != nil {
			return err
		}
		number := binary.BigEndian.AppendUint64(nil, n)
		if err := errors.Join(ids.Put([]byte(id), number), order.Put(number, []byte(id))); err != nil {
			return err
		}
		if n > Known {
			oldest := binary.BigEndian.AppendUint64(nil, n-Known)
			if id := order.Get(oldest); id != nil {
				if err := errors.Join(ids.Delete(id), order.Delete(oldest)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func put(b *bbolt.Bucket, key []byte, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return b.Put(key, text)
}

func (p *Page) String() string { return fmt.Sprintf("%s, %s", p.path[0], p.path[1]) }
