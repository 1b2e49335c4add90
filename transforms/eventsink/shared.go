package eventsink

import (
	"context"
	"fmt"
	"sync"

	"github.com/framebeam/framebeam/kafka/publish"
)

// publishers are those of this process. Engines make many copies of a DoFn; with one
// publisher a partition has one request under way at a time, and a camera's events
// stay in order.
var publishers struct {
	sync.Mutex
	open map[string]*publisher
}

type publisher struct {
	*publish.Publisher
	key   string
	users int
}

// acquire opens the topic, or returns the publisher that has it open. Give it back
// with release.
func acquire(ctx context.Context, cfg Config) (*publisher, error) {
	publishers.Lock()
	defer publishers.Unlock()
	key := fmt.Sprintf("%#v", cfg)
	p := publishers.open[key]
	if p == nil {
		opened, err := cfg.open(ctx, 0)
		if err != nil {
			return nil, err
		}
		if publishers.open == nil {
			publishers.open = map[string]*publisher{}
		}
		p = &publisher{Publisher: opened, key: key}
		publishers.open[key] = p
	}
	p.users++
	return p, nil
}

// release closes the publisher if nobody else uses it.
func (p *publisher) release() {
	publishers.Lock()
	defer publishers.Unlock()
	if p.users--; p.users == 0 {
		p.close()
	}
}

// discard closes a publisher that has failed: a partition that was given up stays so.
// Who uses it still fails too, and whoever comes later opens another.
func (p *publisher) discard() {
	publishers.Lock()
	defer publishers.Unlock()
	p.close()
}

// close ends it at once: everything that counts was flushed. The lock is held.
func (p *publisher) close() {
	if publishers.open[p.key] == p {
		delete(publishers.open, p.key)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	// Its error is of what was not flushed.
	_ = p.Close(ctx)
}
