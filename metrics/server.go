package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"golang.org/x/net/netutil"
)

// Bounds of the server.
const (
	maxConnections = 64
	maxHeader      = 16 << 10 // bytes
	readTimeout    = 5 * time.Second
	writeTimeout   = scrapeTimeout + 5*time.Second
	idleTimeout    = 2 * time.Minute // scrapes come every minute, or more often
	closePatience  = time.Second
)

// Server serves an endpoint.
type Server struct {
	http     *http.Server
	listener net.Listener
	done     chan struct{}
}

// Listen serves an endpoint at an address, host:port, port 0 for any that is free, until Close.
func (e *Endpoint) Listen(address string) (*Server, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("metrics cannot be served at %s: another program listens there already (of two on one machine each needs a port of its own): %w", address, err)
	}
	if err != nil {
		return nil, fmt.Errorf("metrics cannot be served at %s: %w", address, err)
	}
	s := &Server{listener: l, done: make(chan struct{}), http: &http.Server{
		Handler: e.Handler(), MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	}}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(netutil.LimitListener(l, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("metrics are no longer served", "address", l.Addr().String(), "reason", err)
		}
	}()
	return s, nil
}

// Addr is where it listens, with the port that it got.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close ends it, and waits until it has.
func (s *Server) Close() {
	ctx, stop := context.WithTimeout(context.Background(), closePatience)
	defer stop()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
	<-s.done
}
