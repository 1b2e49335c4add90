package server

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// pair is a certificate with its key, read again when a file of it changes.
type pair struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	now     *tls.Certificate
	looked  time.Time
	changed [2]time.Time
}

// lookAgain is how often connections look whether files have changed.
const lookAgain = time.Second

func newPair(cert, key string, log *slog.Logger) (*pair, error) {
	p := &pair{cert: cert, key: key, log: log}
	return p, p.read()
}

func (p *pair) times() (t [2]time.Time) {
	for i, name := range []string{p.cert, p.key} {
		if info, err := os.Stat(name); err == nil {
			t[i] = info.ModTime()
		}
	}
	return t
}

func (p *pair) read() error {
	changed := p.times()
	c, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", p.cert, p.key, err)
	}
	p.now, p.changed, p.looked = &c, changed, time.Now()
	return nil
}

func (p *pair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.looked) > lookAgain {
		p.looked = time.Now()
		if changed := p.times(); changed != p.changed {
			if err := p.read(); err != nil { // the old one is better than none
				p.log.Warn("the certificate changed and cannot be read", "error", err)
				p.changed = changed
			}
		}
	}
	return p.now, nil
}
