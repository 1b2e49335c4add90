package capture

import (
	"sync"

	"github.com/framebeam/framebeam/ingest/capture/report"
)

// outbox sends reports in the order in which they are posted, while the images of
// several frames among them are still encoded: to encode a picture takes longer than
// to decode it. It is used by one goroutine, but for what is encoded.
type outbox struct {
	out   *report.Writer
	queue chan *posting
	done  chan struct{}

	mu     sync.Mutex
	broken error // of out: nothing is sent any more
	failed error // of what was posted: nothing more is sent until drain
}

// posting is a report on its way.
type posting struct {
	report report.Report // nil sends nothing
	ready  chan struct{} // closed when the report is complete, or err says why it never is; nil: it is
	err    error
	after  func() // is called when it is sent, or not to be
}

func newOutbox(out *report.Writer) *outbox {
	o := &outbox{out: out, queue: make(chan *posting, pictures), done: make(chan struct{})}
	go o.send()
	return o
}

// close ends it, once all that was posted is sent.
func (o *outbox) close() {
	close(o.queue)
	<-o.done
}

func (o *outbox) send() {
	defer close(o.done)
	for p := range o.queue {
		if p.ready != nil {
			<-p.ready
		}
		if o.trouble() == nil {
			o.write(p)
		}
		if p.after != nil {
			p.after()
		}
	}
}

func (o *outbox) write(p *posting) {
	var broken error
	if p.err == nil && p.report != nil {
		broken = o.out.Write(p.report)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failed, o.broken = p.err, broken
}

// trouble is why nothing is sent.
func (o *outbox) trouble() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.broken != nil {
		return o.broken
	}
	return o.failed
}

// post sends a report, after those before. The error may be of one of these.
func (o *outbox) post(r report.Report) error {
	o.queue <- &posting{report: r}
	return o.trouble()
}

// postLater sends a report that complete completes, in a goroutine of its own; after is
// called when what it consists of is no longer needed. The error may be of one of the
// reports before.
func (o *outbox) postLater(r report.Report, complete func() error, after func()) error {
	p := &posting{report: r, ready: make(chan struct{}), after: after}
	go func() {
		defer close(p.ready)
		p.err = complete()
	}()
	o.queue <- p
	return o.trouble()
}

// drain waits until all that was posted is sent, and says why some of it could not
// be. Later reports are sent again, unless the connection is broken.
func (o *outbox) drain() error {
	sent := make(chan struct{})
	o.queue <- &posting{after: func() { close(sent) }}
	<-sent
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.failed = nil
	}()
	return o.trouble()
}
