// Package reload notices that a configuration file has changed while a program runs: one
// that is written in place, replaced by another (as editors do), or reached by a symbolic
// link that is turned to another folder (as Kubernetes does with a ConfigMap).
package reload

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// DefaultEvery is how often a file is looked at. It counts once it is the same in two looks,
// so a change is noticed after one to two of them.
const DefaultEvery = time.Second

// MaxBytes is how long a file may be.
const MaxBytes = 16 << 20

// Options say what is watched.
type Options struct {
	// File is the path; symbolic links are followed anew at every look.
	File string
	// Content is what is in use when watching begins.
	Content []byte
	// Every is how often the file is looked at. Default: DefaultEvery.
	Every time.Duration
	// State is where it is said what became of the changes; nil: nowhere but in the log.
	State *State
}

// Watch calls apply with the file's content whenever that is another one than the last, until
// ctx ends. apply checks it first and returns what is wrong, all of it: then nothing has
// changed, and the same content is not shown to it again. A file that is not there, half
// written or empty for a moment is waited for. What becomes of a change is logged.
//
// The file is read, not only its time looked at: it is small, and times are the same after
// some ways of replacing one. Nothing of the operating system's ways to be told of changes is
// used: they do not tell of links turned, nor on network filesystems.
func Watch(ctx context.Context, o Options, apply func(ctx context.Context, content []byte) error) {
	if o.Every <= 0 {
		o.Every = DefaultEvery
	}
	if o.State == nil {
		o.State = &State{}
	}
	w := watching{Options: o, used: Digest(o.Content)}
	w.last, w.seen = w.used, w.used
	o.State.use(w.used)
	tick := time.NewTicker(o.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			w.look(ctx, now, apply)
		}
	}
}

// Digest is the SHA-256 of a file's content, hex.
func Digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

type watching struct {
	Options
	used string // digest of what is in use
	last string // of what was shown to apply last, or could not be read: ""
	seen string // of what there was at the last look
	gone int    // looks in a row at which the file could not be read
}

// patience is at how many looks in a row a file may be missing before that is said.
const patience = 5

func (w *watching) look(ctx context.Context, now time.Time, apply func(context.Context, []byte) error) {
	content, err := read(w.File)
	if err != nil {
		w.seen = ""
		if w.gone++; w.gone == patience {
			w.State.noticed(Reload{At: now, Err: err.Error()}, "")
			slog.Error("the configuration file cannot be read; what it said before stays in use", "file", w.File, "error", err)
			w.last = ""
		}
		return
	}
	w.gone = 0
	digest := Digest(content)
	settled := digest == w.seen
	w.seen = digest
	if !settled || digest == w.last {
		return
	}
	w.last = digest
	if digest == w.used { // it was changed back
		w.State.noticed(Reload{At: now, Digest: digest}, digest)
		slog.Info("the configuration file says again what is in use", "file", w.File)
		return
	}
	if err := apply(ctx, content); err != nil {
		if ctx.Err() != nil {
			return
		}
		w.State.noticed(Reload{At: now, Digest: digest, Err: err.Error()}, "")
		slog.Error("the changed configuration file is not used, what it said before stays in use", "file", w.File, "error", err)
		return
	}
	w.used = digest
	w.State.noticed(Reload{At: now, Digest: digest}, digest)
	slog.Info("the changed configuration file is used", "file", w.File, "digest", digest)
}

// errEmpty is a file that is just being written: an editor has emptied it before.
var errEmpty = errors.New("it is empty")

func read(file string) (content []byte, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	content, err = io.ReadAll(io.LimitReader(f, MaxBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) == 0:
		return nil, fmt.Errorf("%s: %w", file, errEmpty)
	case len(content) > MaxBytes:
		return nil, fmt.Errorf("%s: it is longer than %d bytes", file, MaxBytes)
	}
	return content, nil
}

// Reload is what became of a change.
type Reload struct {
	At     time.Time `json:"at"`              // when it was noticed; zero: nothing has changed yet
	Digest string    `json:"digest"`          // of what the file says, see [Digest]; "": it could not be read
	Err    string    `json:"error,omitempty"` // everything that is wrong with it; "": it is in use
}

// State is what became of the last change, for pages and metrics. Its zero value is that of
// a file that has not changed. It is safe for concurrent use.
type State struct {
	mu              sync.Mutex
	last            Reload
	used            string
	applied, failed int64
}

// Last is the last change.
func (s *State) Last() Reload {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// Used is the digest of what is in use.
func (s *State) Used() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

func (s *State) use(digest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = digest
}

// noticed takes note of a change, and of what is in use now, if that is another.
func (s *State) noticed(r Reload, used string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = r
	if r.Err != "" {
		s.failed++
		return
	}
	if s.used != used {
		s.applied++
	}
	s.used = used
}
