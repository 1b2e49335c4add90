package log

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/framebeam/framebeam/transforms/files/store"
)

// Spec says how to open a log; it travels to the workers inside the
// pipeline, so it holds no secrets, only where to find them.
type Spec struct {
	Kind    string   // "kafka" or "archive"
	Brokers []string // of Kafka, host:port
	Root    string   // of an archive, the folder
	// Connection is the path of a file that says how to connect to Kafka with
	// TLS and SASL (see package connect); every worker must have it. "" is
	// plaintext.
	Connection string
	// Patience is for how long a Read of Kafka tries again while brokers fail,
	// before it gives up. 0: connect.DefaultPatience.
	Patience time.Duration
	// Memory bounds what is kept of Kafka's answers between two reads, in bytes, but for
	// the last one. 0: 64 MiB.
	Memory int
}

// Absolute returns s with paths that workers, which run elsewhere, understand.
func (s Spec) Absolute() (Spec, error) {
	var errs [2]error
	s.Root, errs[0] = store.Absolute(s.Root)
	s.Connection, errs[1] = store.Absolute(s.Connection)
	return s, errors.Join(errs[:]...)
}

var openers = map[string]func(context.Context, Spec) (Log, error){}

// Register makes a kind of log known to [Open]; call it in init.
func Register(kind string, open func(context.Context, Spec) (Log, error)) {
	openers[kind] = open
}

// Known reports whether logs of a kind can be opened.
func Known(kind string) bool { return openers[kind] != nil }

// Open opens the log that spec describes.
func Open(ctx context.Context, spec Spec) (Log, error) {
	open, ok := openers[spec.Kind]
	if !ok {
		kinds := make([]string, 0, len(openers))
		for k := range openers {
			kinds = append(kinds, k)
		}
		sort.Strings(kinds)
		return nil, fmt.Errorf("open log: unknown kind %q (known: %s)", spec.Kind, strings.Join(kinds, ", "))
	}
	return open(ctx, spec)
}
