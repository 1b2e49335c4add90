package web

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// heartbeat is how often something is written, so that proxies and browsers know that
	// the stream is alive.
	heartbeat = 15 * time.Second
	// writeTime is how long a browser may take for one write.
	writeTime = 10 * time.Second
	// mostWaiting is how many events wait for one slow browser; with more it is told to ask anew.
	mostWaiting = 256
	// mostKept is how many events are kept for browsers that come back.
	mostKept = 512
)

// Hub tells browsers what is new, as server-sent events. Of a state only the newest matters; of
// events each, in their order. What it holds is bounded, whatever browsers do.
type Hub struct {
	log  *slog.Logger
	boot string // tells ids of this process from another's
	most int    // browsers at once

	mu      sync.Mutex
	seq     uint64
	states  map[string]message // the newest, by topic
	kept    []message          // events, oldest first
	clients map[*client]bool
	closed  chan struct{}
}

// message is one that is written.
type message struct {
	seq   uint64 // 0: of a state
	topic string
	data  []byte
}

// client is a browser that listens.
type client struct {
	topics []string // none: all
	wake   chan struct{}

	// of the hub's mutex
	states map[string]message
	events []message
	lost   bool // events were dropped
}

// NewHub makes a hub for at most so many browsers at once.
func NewHub(most int, log *slog.Logger) *Hub {
	return &Hub{
		log: log, boot: rand.Text()[:8], most: most,
		states: map[string]message{}, clients: map[*client]bool{}, closed: make(chan struct{}),
	}
}

// State tells what there is now of a topic: the newest is what a browser gets when it comes, and
// if it is slow, those before it are left out.
func (h *Hub) State(topic string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		h.log.Error("a state cannot be told", "topic", topic, "error", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	m := message{topic: topic, data: data}
	h.states[topic] = m
	for c := range h.clients {
		if c.wants(topic) {
			c.states[topic] = m
			c.call()
		}
	}
}

// Event tells what happened once. Browsers that were away get what they missed or, if that is
// too much, the event "reset": then they ask anew for what they show.
func (h *Hub) Event(topic string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		h.log.Error("an event cannot be told", "topic", topic, "error", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	m := message{h.seq, topic, data}
	if len(h.kept) == mostKept {
		h.kept = slices.Delete(h.kept, 0, mostKept/4)
	}
	h.kept = append(h.kept, m)
	for c := range h.clients {
		if !c.wants(topic) {
			continue
		}
		if len(c.events) == mostWaiting {
			c.events, c.lost = nil, true
		}
		c.events = append(c.events, m)
		c.call()
	}
}

// Watched reports whether a browser listens to a topic.
func (h *Hub) Watched(topic string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		if c.wants(topic) {
			return true
		}
	}
	return false
}

// Browsers is how many listen.
func (h *Hub) Browsers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.clients)
}

// Close ends all streams, and those that come later.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.closed:
	default:
		close(h.closed)
	}
}

func (c *client) wants(topic string) bool {
	return len(c.topics) == 0 || slices.Contains(c.topics, topic)
}

func (c *client) call() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// mostTopics bounds what a browser may ask for.
const mostTopics = 16

// ServeHTTP streams the topics that ?topics=a,b names, or all.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &client{wake: make(chan struct{}, 1), states: map[string]message{}}
	if list := r.URL.Query().Get("topics"); list != "" {
		c.topics = strings.Split(list, ",")
	}
	if len(c.topics) > mostTopics {
		WriteError(w, &Error{http.StatusBadRequest, "bad_request", fmt.Sprintf("more than %d topics", mostTopics)})
		return
	}
	if !h.enter(c, r.Header.Get("Last-Event-ID")) {
		w.Header().Set("Retry-After", "5")
		WriteError(w, &Error{http.StatusServiceUnavailable, "too_many", fmt.Sprintf("%d browsers are listening already", h.most)})
		return
	}
	defer h.leave(c)
	head := w.Header()
	head.Set("Content-Type", "text/event-stream")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Accel-Buffering", "no") // nginx, or it waits
	rc := http.NewResponseController(w)
	write := func(b []byte) bool {
		if rc.SetWriteDeadline(time.Now().Add(writeTime)) != nil {
			return false
		}
		_, err := w.Write(b)
		return err == nil && rc.Flush() == nil
	}
	if !write([]byte("retry: 2000\n\n")) {
		return
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		if b := h.take(c); len(b) > 0 && !write(b) {
			return
		}
		select {
		case <-c.wake:
		case <-beat.C:
			if !write([]byte(": alive\n\n")) {
				return
			}
		case <-r.Context().Done():
			return
		case <-h.closed:
			return
		}
	}
}

// enter lets a browser in, with what there is and what it has missed.
func (h *Hub) enter(c *client, last string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.clients) >= h.most {
		return false
	}
	h.clients[c] = true
	for topic, m := range h.states {
		if c.wants(topic) {
			c.states[topic] = m
		}
	}
	if last == "" {
		return true
	}
	boot, number, _ := strings.Cut(last, "-")
	seq, err := strconv.ParseUint(number, 10, 64)
	if boot != h.boot || err != nil || seq > h.seq || seq < h.seq && (len(h.kept) == 0 || h.kept[0].seq > seq+1) {
		c.lost = true
		return true
	}
	for _, m := range h.kept {
		if m.seq > seq && c.wants(m.topic) {
			c.events = append(c.events, m)
		}
	}
	return true
}

func (h *Hub) leave(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.clients, c)
}

// take is what is to be written to a browser now.
func (h *Hub) take(c *client) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b []byte
	if c.lost {
		b = fmt.Appendf(b, "id: %s-%d\nevent: reset\ndata: {}\n\n", h.boot, h.seq-uint64(len(c.events)))
	}
	topics := make([]string, 0, len(c.states))
	for topic := range c.states {
		topics = append(topics, topic)
	}
	slices.Sort(topics)
	for _, topic := range topics {
		b = fmt.Appendf(b, "event: %s\ndata: %s\n\n", topic, c.states[topic].data)
	}
	for _, m := range c.events {
		b = fmt.Appendf(b, "id: %s-%d\nevent: %s\ndata: %s\n\n", h.boot, m.seq, m.topic, m.data)
	}
	clear(c.states)
	c.events, c.lost = nil, false
	return b
}
