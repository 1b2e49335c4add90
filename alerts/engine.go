// Package alerts tells what has happened, by rule, to webhooks, MQTT brokers and by e-mail, out
// of the topic of events.
//
// Each target reads each partition of the topic for itself, decides by the rules what it is told
// (package rule: that follows from the events alone), sends it, again and again until the
// receiver has taken it or never will, and only then moves on. How far it has come is in a
// ledger on this machine (package ledger), and as committed offsets in Kafka. So nothing is lost
// while a receiver is away, for hours and over restarts, and none holds up the others.
//
// A message is sent at least once, with an id that follows from the event. It is sent again only
// if the process died between the receiver's answer and the write to the ledger that follows it
// at once, or if the answer was lost on its way.
package alerts

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/framebeam/framebeam/alerts/config"
	"github.com/framebeam/framebeam/alerts/ledger"
	"github.com/framebeam/framebeam/alerts/message"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/eventsink"
	"github.com/framebeam/framebeam/transforms/log"
	_ "github.com/framebeam/framebeam/transforms/log/kafka" // the log that events are in
)

// Where a target begins that was never told anything.
const (
	Latest   = "latest"   // with what comes from now on
	Earliest = "earliest" // with the oldest event that the topic has
)

// DefaultGroup is how the consumer groups of targets begin.
const DefaultGroup = "framebeam-alerts"

// Pictures makes pictures of events (package snapshot). It says why there is none, rather than
// to fail.
type Pictures interface {
	Picture(ctx context.Context, e *eventsink.Event) message.Picture
}

// Options say what is told, and out of what.
type Options struct {
	Config     *config.Config
	Brokers    []string
	Connection string // path of a connection file; "": plain
	Topic      string // of events
	State      string // folder of the ledger and of dead letters, on this machine
	Group      string // default DefaultGroup; of a target it is this, - and the target's name
	From       string // default Latest
	Pictures   Pictures
	// Say is told what is worth knowing, in a sentence; nil: nothing is.
	Say func(format string, args ...any)
}

// Engine tells alerts.
type Engine struct {
	opts  Options
	stats map[string]*stats // by target
	turn  func()            // is called as long as it turns

	mu       sync.Mutex
	couriers map[courierKey]*courier
	ready    bool
}

type courierKey struct {
	target    string
	partition int32
}

// New makes an engine; nothing is opened yet.
func New(opts Options) *Engine {
	if opts.Group == "" {
		opts.Group = DefaultGroup
	}
	if opts.From == "" {
		opts.From = Latest
	}
	if opts.Say == nil {
		opts.Say = func(string, ...any) {}
	}
	e := &Engine{opts: opts, turn: func() {}, stats: map[string]*stats{}, couriers: map[courierKey]*courier{}}
	for _, t := range opts.Config.Targets {
		e.stats[t.Name] = &stats{is: Status{Target: t.Name, Kind: t.Kind, Where: t.Where}, places: map[int32]int64{}}
	}
	return e
}

// partitionsEvery is how soon a partition that was added is noticed.
const partitionsEvery = 30 * time.Second

// Run tells until the context ends, which is no error. What is being sent then is sent, or given
// up after a few seconds. The error is of what cannot be opened at the start.
func (e *Engine) Run(ctx context.Context) (err error) {
	book, err := ledger.Open(e.opts.State)
	if err != nil {
		return fmt.Errorf("alerts: %w", err)
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	l, err := log.Open(ctx, log.Spec{Kind: "kafka", Brokers: e.opts.Brokers, Connection: e.opts.Connection, Patience: patience})
	if err != nil {
		return fmt.Errorf("alerts: %w", err)
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	groups, err := openGroups(e.opts)
	if err != nil {
		return fmt.Errorf("alerts: %w", err)
	}
	defer groups.close()

	r := &run{
		Engine: e, ledger: book, log: l, groups: groups, tails: map[int32]*tail{},
		dead: &deadLetters{path: filepath.Join(e.opts.State, DeadLetters)}, slots: map[string]chan struct{}{},
	}
	for name := range e.stats {
		r.slots[name] = make(chan struct{}, slotsPerTarget)
	}
	// Goroutines end with the first error, and with the context.
	g, inside := errgroup.WithContext(ctx)
	r.g = g
	if err := r.partitions(inside, true); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("alerts: %w", err)
	}
	e.mu.Lock()
	e.ready = true
	e.mu.Unlock()
	g.Go(func() error { return r.watch(inside) })
	g.Go(func() error { return r.commits(inside) })
	err = g.Wait()
	// What was told last is committed too, so that others see no lag that there is not.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitPatience)
	defer cancel()
	r.commit(last)
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		err = nil
	}
	return err
}

// patience is for how long a read is tried again before it is told.
const patience = 30 * time.Second

// slotsPerTarget is how many messages a target is sent at a time.
const slotsPerTarget = 4

// run is an engine that runs.
type run struct {
	*Engine
	ledger *ledger.Ledger
	log    log.Log
	groups *groups
	dead   *deadLetters
	g      *errgroup.Group
	tails  map[int32]*tail
	slots  map[string]chan struct{} // by target
	failed bool                     // the last commit did
}

// partitions starts couriers for those that have none.
func (r *run) partitions(ctx context.Context, first bool) error {
	ids, err := r.log.Partitions(ctx, r.opts.Topic)
	if err != nil {
		return fmt.Errorf("topic %s of events: %w", r.opts.Topic, err)
	}
	identity, err := log.Identity(ctx, r.log, r.opts.Topic)
	if err != nil {
		return fmt.Errorf("topic %s of events: %w", r.opts.Topic, err)
	}
	for _, t := range r.opts.Config.Targets {
		rules := rulesOf(r.opts.Config, t.Name)
		if len(rules) == 0 {
			continue
		}
		var add []*courier
		for _, id := range ids {
			key := courierKey{t.Name, id}
			r.mu.Lock()
			_, there := r.couriers[key]
			r.mu.Unlock()
			if there {
				continue
			}
			p := chunk.Partition{Topic: r.opts.Topic, ID: id}
			c := &courier{run: r, target: t, rules: rules, p: p, page: r.ledger.Page(t.Name, p.Topic, p.ID), stats: r.stats[t.Name]}
			c.topic.Store(identity)
			add = append(add, c)
		}
		if len(add) == 0 {
			continue
		}
		if err := r.begin(ctx, t.Name, add, first); err != nil {
			return err
		}
		for _, c := range add {
			if c.tail = r.tails[c.p.ID]; c.tail == nil {
				c.tail = &tail{p: c.p, log: r.log, changed: make(chan struct{})}
				r.tails[c.p.ID] = c.tail
				r.g.Go(func() error { return c.tail.follow(ctx) })
			}
			r.mu.Lock()
			r.couriers[courierKey{t.Name, c.p.ID}] = c
			r.mu.Unlock()
			r.g.Go(func() error { return c.deliver(ctx) })
		}
	}
	return nil
}

// rulesOf are those by which a target is told.
func rulesOf(cfg *config.Config, target string) []*config.Rule {
	var rules []*config.Rule
	for i := range cfg.Rules {
		if slices.Contains(cfg.Rules[i].Targets, target) {
			rules = append(rules, &cfg.Rules[i])
		}
	}
	return rules
}

// begin says where couriers of a target begin: where the ledger ends; else, if the ledger is
// new, where Kafka's commits do; else where the options say, but with the first event of a
// partition that has come since.
func (r *run) begin(ctx context.Context, name string, add []*courier, first bool) error {
	committed, err := r.groups.fetch(ctx, name, add)
	began := !first
	for _, c := range add {
		at, ok, bad := c.page.Position()
		if bad != nil {
			return bad
		}
		if ok {
			began, c.at = true, at
		}
		c.begun = ok
	}
	if err != nil {
		lost := slices.ContainsFunc(add, func(c *courier) bool { return !c.begun })
		if lost && !began {
			return fmt.Errorf("target %s: what is committed in Kafka cannot be asked for: %w", name, err)
		}
		r.opts.Say("alerts to %s: what is committed in Kafka cannot be asked for: %v; the ledger in %s says where to go on", name, err, r.opts.State)
	}
	for _, c := range add {
		was := committed[c.p.ID]
		known := was.topic == c.topicID() || was.topic == "" || c.topicID() == ""
		switch {
		case c.begun && c.at.Topic != "" && c.topicID() != "" && c.at.Topic != c.topicID():
			// Nothing of what was remembered is of this topic.
			from, _, err := r.log.Bounds(ctx, c.p)
			if err != nil {
				return fmt.Errorf("%v: %w", c.p, err)
			}
			r.opts.Say("alerts to %s: topic %s was created anew; what of the one before was not told is lost", name, c.p.Topic)
			c.stats.count(&c.stats.is.Lost)
			c.bury(letter{Reason: "events may be lost: the topic was created anew"})
			if err := c.restart(ctx, c.topicID(), from); err != nil {
				return err
			}
			continue
		case c.begun:
			if was.offset > c.at.Offset && known {
				// The folder is older than what was told: it was restored, or is another one.
				c.silent = was.offset
				r.opts.Say("alerts to %s: %v was told up to offset %d, by Kafka, the ledger says %d: what lies between is not told again",
					name, c.p, was.offset, c.at.Offset)
			}
			continue
		case was.offset >= 0 && known:
			c.at = fresh(was.offset)
		default:
			from, end, err := r.log.Bounds(ctx, c.p)
			if err != nil {
				return fmt.Errorf("%v: %w", c.p, err)
			}
			c.at = fresh(end)
			if r.opts.From == Earliest || began {
				c.at = fresh(from)
			}
		}
		c.at.Topic = c.topicID()
		// Now, so that what comes from here on is told even if this process does not live.
		c.page.MoveTo(c.at)
		if err := c.page.Write(); err != nil {
			return err
		}
	}
	return nil
}

func fresh(offset int64) ledger.Position {
	return ledger.Position{Offset: offset, Last: chunk.None, Epoch: log.NoEpoch}
}

// watch notices partitions that were added.
func (r *run) watch(ctx context.Context) error {
	for sleep(ctx, partitionsEvery) {
		if err := r.partitions(ctx, false); err != nil && ctx.Err() == nil {
			r.opts.Say("alerts: partitions cannot be asked for: %v", err)
		}
	}
	return ctx.Err()
}
