package alerts

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/framebeam/framebeam/alerts/config"
	"github.com/framebeam/framebeam/alerts/ledger"
	"github.com/framebeam/framebeam/alerts/message"
	"github.com/framebeam/framebeam/alerts/rule"
	"github.com/framebeam/framebeam/alerts/target"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/eventsink"
	"github.com/framebeam/framebeam/transforms/files/crashpoint"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
)

// courier tells one target the events of one partition, in their order.
type courier struct {
	*run
	target config.Target
	rules  []*config.Rule
	p      chunk.Partition
	page   *ledger.Page
	stats  *stats
	tail   *tail
	begun  bool // the ledger knew where to begin

	at     ledger.Position
	silent int64 // before it everything was told

	summarised time.Time // when it was last looked whether something is due

	topic atomic.Value // a string: what tells the topic from one created anew; others read it too
}

func (c *courier) topicID() string { id, _ := c.topic.Load().(string); return id }

const (
	readBytes = 1 << 20
	// dueAfter is how long after a rule's time has passed a summary is told: events are
	// published a little after they were captured.
	dueAfter = 10 * time.Second
	// dueEvery is how often it is looked whether one is due.
	dueEvery = 2 * time.Second
	// grace is for how long a message is still sent after the context has ended.
	grace = 10 * time.Second
)

// retrying paces attempts: half a second at first, a minute at last, each within half of that.
func retrying() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.Multiplier, b.RandomizationFactor = 500*time.Millisecond, time.Minute, 2, 0.5
	return b
}

// deliver tells until the context ends.
func (c *courier) deliver(ctx context.Context) error {
	c.stats.place(c.p.ID, c.at.Offset)
	pace := retrying()
	for ctx.Err() == nil {
		last := log.Last{Offset: c.at.Last, Digest: c.at.Digest, Epoch: c.at.Epoch}
		recs, next, epoch, err := log.ReadAfter(ctx, c.log, last, c.p, c.at.Offset, math.MaxInt64, readBytes, 0)
		loss := (*log.DataLoss)(nil)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &loss):
			if err := c.lost(ctx, loss); err != nil {
				return err
			}
			continue
		case err != nil:
			c.stats.reading(err)
			c.opts.Say("alerts to %s: read %v: %v", c.target.Name, c.p, err)
			if !sleep(ctx, pace.NextBackOff()) {
				return ctx.Err()
			}
			continue
		}
		pace.Reset()
		c.stats.reading(nil)
		for i := range recs {
			if err := c.take(ctx, &recs[i], epoch); err != nil {
				return err
			}
		}
		moved := next != c.at.Offset // over what is no record
		if moved {
			c.at.Offset = next
			c.page.MoveTo(c.at)
		}
		if moved || len(recs) > 0 {
			if err := c.write(ctx); err != nil {
				return err
			}
		}
		if len(recs) > 0 {
			continue
		}
		if err := c.summaries(ctx); err != nil {
			return err
		}
		c.tail.wait(ctx, c.at.Offset)
	}
	return ctx.Err()
}

// take decides about a record and, if it is told, tells it and remembers that.
func (c *courier) take(ctx context.Context, rec *frame.Record, epoch int32) error {
	c.at.Offset = rec.Offset
	msg, of, err := c.decide(rec)
	if err != nil {
		return err
	}
	if msg != nil && rec.Offset >= c.silent {
		if of.Picture && c.opts.Pictures != nil {
			msg.Picture = c.opts.Pictures.Picture(ctx, &msg.Event)
		}
		if err := c.send(ctx, msg); err != nil {
			return err
		}
	}
	c.at = ledger.Position{Topic: c.topicID(), Offset: rec.Offset + 1, Last: rec.Offset, Digest: rec.Digest(), Epoch: epoch}
	c.page.MoveTo(c.at)
	if msg != nil || c.page.Full() {
		return c.write(ctx)
	}
	return nil
}

// decide is what is told of a record, and by which rule; nil: nothing.
func (c *courier) decide(rec *frame.Record) (*message.Message, *config.Rule, error) {
	e, err := eventsink.Parse(rec)
	switch {
	case errors.Is(err, eventsink.ErrNotEvent):
		return nil, nil, nil // the topic may have others
	case err != nil:
		c.stats.count(&c.stats.is.Unreadable)
		id, _ := rec.Header("ce_id")
		c.bury(letter{ID: id, Reason: "it cannot be read: " + err.Error()})
		return nil, nil, nil
	}
	var matching []*config.Rule
	for _, r := range c.rules {
		if r.Matches(&e) {
			matching = append(matching, r)
		}
	}
	if len(matching) == 0 {
		return nil, nil, nil
	}
	known, err := c.page.Knows(e.ID)
	if err != nil {
		return nil, nil, err
	}
	if known {
		c.stats.count(&c.stats.is.Repeated)
		return nil, nil, nil
	}
	c.page.Know(e.ID)
	// An event is told once, by the first of its rules that is free to.
	for _, r := range matching {
		m, err := c.page.Memory(r.Name, e.Camera)
		if err != nil {
			return nil, nil, err
		}
		if told, held := m.Take(&r.Rule, &e); told {
			return c.message(r, e, held), r, nil
		}
	}
	m, err := c.page.Memory(matching[0].Name, e.Camera)
	if err != nil {
		return nil, nil, err
	}
	m.Hold(&e)
	c.stats.count(&c.stats.is.Held)
	return nil, nil, nil
}

func (c *courier) message(r *config.Rule, e eventsink.Event, held rule.Held) *message.Message {
	m := &message.Message{ID: e.ID, Alert: r.Name, Event: e, Held: held}
	m.Text = textOf(r.Text, m, c.opts.Config.Zone)
	return m
}

// textOf fills the rule's text in. It was tried when the file was read; if it fails all the same
// the alert is told with the one that never does.
func textOf(t *message.Template, m *message.Message, zone *time.Location) string {
	text, err := t.Text(message.FieldsOf(m.Alert, &m.Event, &m.Held, m.Summary, zone))
	if err != nil {
		return m.Title()
	}
	return text
}

// summaries tells what was held back and is followed by nothing. It is called at the end of the
// partition: what is there is told first.
func (c *courier) summaries(ctx context.Context) error {
	now := time.Now()
	if now.Sub(c.summarised) < dueEvery {
		return nil
	}
	c.summarised = now
	return c.page.Holding(func(of, camera string, m *rule.Memory) error {
		i := slices.IndexFunc(c.rules, func(r *config.Rule) bool { return r.Name == of })
		if i < 0 || now.Before(m.Due(&c.rules[i].Rule).Add(dueAfter)) {
			return nil
		}
		r := c.rules[i]
		m, err := c.page.Memory(of, camera) // as it will be written
		if err != nil {
			return err
		}
		id, held := m.Summarise(&r.Rule, camera)
		msg := &message.Message{ID: id, Alert: of, Event: held.Last, Held: held, Summary: true}
		msg.Text = textOf(r.Summary, msg, c.opts.Config.Zone)
		if err := c.send(ctx, msg); err != nil {
			return err
		}
		return c.write(ctx)
	})
}

// send sends a message until it is taken, or never will be. The error is the context's.
func (c *courier) send(ctx context.Context, msg *message.Message) error {
	pace := retrying()
	for attempt := 1; ; attempt++ {
		answer, err := c.attempt(ctx, msg)
		if err == nil {
			crashpoint.At("alert-sent")
			c.stats.told(answer)
			return nil
		}
		if reason, never := target.IsRefused(err); never {
			c.stats.count(&c.stats.is.Dead)
			c.opts.Say("alerts to %s: event %s of camera %s is not taken: %s", c.target.Name, msg.ID, msg.Event.Camera, reason)
			c.buryMessage(msg, reason)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.stats.failing(err)
		wait := pace.NextBackOff()
		if later, ok := errors.AsType[*target.Later](err); ok {
			wait = max(wait, later.After)
		}
		if attempt == 1 || attempt%20 == 0 {
			c.opts.Say("alerts to %s: attempt %d for event %s of camera %s: %v; it is tried again", c.target.Name, attempt, msg.ID, msg.Event.Camera, err)
		}
		if !sleep(ctx, wait) {
			return ctx.Err()
		}
	}
}

// attempt sends once. One that has begun is not broken off at once when the context ends: the
// receiver may have the message already.
func (c *courier) attempt(ctx context.Context, msg *message.Message) (string, error) {
	slots := c.slots[c.target.Name]
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	defer stop()
	crashpoint.At("alert-sending")
	return c.target.Send(inner, msg)
}

// write makes what was told durable. Nothing more is told until it is: a disk that is full is
// waited for.
func (c *courier) write(ctx context.Context) error {
	pace := retrying()
	for {
		err := c.page.Write()
		if err == nil {
			crashpoint.At("alert-written")
			c.stats.place(c.p.ID, c.at.Offset)
			return nil
		}
		c.stats.failing(err)
		c.opts.Say("alerts to %s: what was told cannot be written down, so nothing more is told: %v", c.target.Name, err)
		if !sleep(ctx, pace.NextBackOff()) {
			return ctx.Err()
		}
	}
}

// lost goes on where the log does, and says what was lost.
func (c *courier) lost(ctx context.Context, loss *log.DataLoss) error {
	identity, err := log.Identity(ctx, c.log, c.p.Topic)
	if err != nil {
		if !sleep(ctx, afterFailure) {
			return ctx.Err()
		}
		return nil // read again
	}
	to := loss.First
	if identity == c.topicID() {
		// Of a log that lost its end and was filled again, what comes is read anew; those that
		// are known are told from the others by their ids.
		to = max(loss.First, min(c.at.Offset, loss.End)-ledger.Known)
	}
	c.opts.Say("alerts to %s: events were lost before they were told: %v; it goes on at offset %d", c.target.Name, loss, to)
	c.stats.count(&c.stats.is.Lost)
	c.bury(letter{Reason: "events were lost before they were told: " + loss.Error()})
	return c.restart(ctx, identity, to)
}

// restart goes on at an offset of what may be another log.
func (c *courier) restart(ctx context.Context, identity string, to int64) error {
	c.topic.Store(identity)
	c.silent = 0
	c.at = fresh(to)
	c.at.Topic = identity
	c.page.MoveTo(c.at)
	return c.write(ctx)
}

// sleep reports whether the time has passed before the context has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
