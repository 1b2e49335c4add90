package inputs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/framebeam/framebeam/transforms/files/store"
)

// State is how an input is. Its JSON is what the page shows.
type State struct {
	Name  string    `json:"name"`
	Where string    `json:"where"`
	OK    bool      `json:"ok"`
	Since time.Time `json:"since"` // since when it is as it is
	Seen  time.Time `json:"seen"`  // when it was well last; zero: never
	Error string    `json:"error,omitempty"`
}

// states are those of all inputs.
type states struct {
	mu      sync.Mutex
	all     map[string]*State
	changed chan struct{} // closed at the next change, and then another
}

func newStates() *states {
	return &states{all: map[string]*State{}, changed: make(chan struct{})}
}

func (s *states) add(name, where string) {
	s.all[name] = &State{Name: name, Where: where, OK: true, Since: time.Now()}
}

// order is that in which the page shows them.
var order = []string{Kafka, Output, Archive, Cameras, Analyses, Flink}

// States are those of all inputs that there are.
func (in *Inputs) States() []State {
	in.states.mu.Lock()
	defer in.states.mu.Unlock()
	var all []State
	for _, s := range in.states.all {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b State) int {
		return cmp.Compare(slices.Index(order, a.Name), slices.Index(order, b.Name))
	})
	return all
}

// StatesChanged is closed when a state becomes another.
func (in *Inputs) StatesChanged() <-chan struct{} {
	in.states.mu.Lock()
	defer in.states.mu.Unlock()
	return in.states.changed
}

// Told notes how an input answered, and returns the error. The end of whoever asked says
// nothing of the input.
func (in *Inputs) Told(name string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	now := time.Now()
	s := in.states
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.all[name]
	if state == nil {
		return err
	}
	was := *state
	if err == nil {
		state.Seen, state.Error = now, ""
	} else {
		state.Error = err.Error()
	}
	if state.OK = err == nil; state.OK != was.OK {
		state.Since = now
	}
	if state.OK != was.OK || state.Error != was.Error {
		if err != nil {
			in.Log.Warn("an input is away", "input", name, "where", state.Where, "error", err)
		} else {
			in.Log.Info("an input is back", "input", name, "where", state.Where)
		}
		close(s.changed)
		s.changed = make(chan struct{})
	}
	return err
}

func joined(brokers []string) string { return strings.Join(brokers, ",") }

const (
	// lookEvery is how often inputs are looked at that nobody reads meanwhile.
	lookEvery = 2 * time.Second
	lookTime  = 10 * time.Second
)

// watch looks at Kafka, archive and configuration files again and again.
func (in *Inputs) watch(ctx context.Context) {
	every := time.NewTicker(lookEvery)
	defer every.Stop()
	for {
		in.files.look(in)
		in.lookAt(ctx)
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
	}
}

func (in *Inputs) lookAt(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, lookTime)
	defer stop()
	if in.HasKafka() {
		l, err := in.KafkaLog(ctx)
		if err == nil {
			_, err = l.Partitions(ctx, in.Topic)
		}
		in.noted(ctx, Kafka, err)
	}
	if in.Archive != "" {
		in.noted(ctx, Archive, there(ctx, in.Archive))
	}
}

// noted is Told, of a request that may have had too little time.
func (in *Inputs) noted(ctx context.Context, name string, err error) {
	if err != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		return
	}
	_ = in.Told(name, err)
}

// there is an error if there is no archive in a folder, or it cannot be read.
func there(ctx context.Context, root string) error {
	f, err := store.Open(ctx, root)
	if err != nil {
		return err
	}
	ok, err := f.Exists(ctx, archiveLayout)
	if err == nil && !ok {
		err = fmt.Errorf("%s: there is no archive: %w", root, fs.ErrNotExist)
	}
	return err
}

// archiveLayout is a file that every archive has.
const archiveLayout = "_framebeam/archive.json"
