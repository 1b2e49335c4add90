// Package server serves the page: one address for all views, with what keeps strangers out and
// what it holds within bounds.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"github.com/framebeam/framebeam/monitor/assets"
	"github.com/framebeam/framebeam/monitor/inputs"
	"github.com/framebeam/framebeam/monitor/web"
)

// Options say what is served, and to whom.
type Options struct {
	Inputs inputs.Options
	// Edit: the page may change configuration files.
	Edit bool
	// Title is shown on the page, to tell one installation from another. Default "Framebeam".
	Title string

	// Hosts are the names under which the page is asked for, beside localhost and IP
	// addresses: any other is refused, so that no foreign page can reach this one by a name
	// that it lets point here (DNS rebinding).
	Hosts []string
	// PasswordFile has a line name:hash for each user, the hash bcrypt's as of htpasswd -nB. It
	// is read again when it changes.
	PasswordFile string
	// AuthHeader is the request header in which a proxy says who has logged in, such as
	// X-Forwarded-User. It is believed of TrustedProxies, and nobody else is let in.
	AuthHeader     string
	TrustedProxies []netip.Prefix
	// TLSCert and TLSKey are PEM files, read again when they change.
	TLSCert, TLSKey string
	// Insecure lets whoever reaches an address that is not this machine's own look, without
	// login or TLS.
	Insecure bool

	Log *slog.Logger // default: nothing is logged
}

// bounds are of what a server does at a time, and how long it waits.
type bounds struct {
	connections int
	browsers    int // that listen to what is new
	requests    int // at a time, beside those
	queue       time.Duration
	header      time.Duration // to come
	request     time.Duration // to come
	answer      time.Duration // to be written, unless a handler takes longer
	idle        time.Duration
	headerBytes int
	stop        time.Duration
}

var usual = bounds{
	connections: 1024, browsers: 256, requests: 128, queue: 5 * time.Second, header: 10 * time.Second, request: 30 * time.Second,
	answer: time.Minute, idle: 2 * time.Minute, headerBytes: 32 << 10, stop: 3 * time.Second,
}

// Server is a page that can be served.
type Server struct {
	opts    Options
	bounds  bounds
	log     *slog.Logger
	inputs  *inputs.Inputs
	hub     *web.Hub
	gate    *gate
	handler http.Handler
	jobs    []func(context.Context)
}

// Check returns everything that is wrong with the options for an address to listen on.
func (o *Options) Check(address string) error {
	var errs []error
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--listen=%s: not host:port", address)
	}
	if (o.TLSCert == "") != (o.TLSKey == "") {
		errs = append(errs, errors.New("--tls-cert and --tls-key belong together: one of them is missing"))
	}
	if o.PasswordFile != "" && o.AuthHeader != "" {
		errs = append(errs, errors.New("--password-file and --auth-header are both given: users log in here, or at a proxy"))
	}
	if (o.AuthHeader == "") != (len(o.TrustedProxies) == 0) {
		errs = append(errs, errors.New("--auth-header and --trusted-proxy belong together: whose header is believed?"))
	}
	if o.Insecure || loopback(host) {
		return errors.Join(errs...)
	}
	if o.PasswordFile == "" && o.AuthHeader == "" {
		errs = append(errs, fmt.Errorf("--listen=%s: others reach this address, so who looks must log in: --password-file, or "+
			"--auth-header and --trusted-proxy (or --insecure: whoever reaches it sees the cameras)", address))
	}
	if o.TLSCert == "" {
		errs = append(errs, fmt.Errorf("--listen=%s: others reach this address, so it needs --tls-cert and --tls-key (or --insecure: "+
			"passwords and pictures can be read on the way)", address))
	}
	return errors.Join(errs...)
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// New makes the page. Nothing is opened yet but what is wrong from the beginning.
func New(opts Options) (*Server, error) {
	if opts.Title == "" {
		opts.Title = "Framebeam"
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Inputs.Log == nil {
		opts.Inputs.Log = opts.Log
	}
	in, err := inputs.New(opts.Inputs)
	if err != nil {
		return nil, err
	}
	s := &Server{opts: opts, bounds: usual, log: opts.Log, inputs: in, hub: web.NewHub(usual.browsers, opts.Log)}
	if s.gate, err = newGate(&opts); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	deps := web.Deps{
		Inputs: in, Hub: s.hub, Edit: opts.Edit, Log: opts.Log,
		Background: func(fn func(context.Context)) { s.jobs = append(s.jobs, fn) },
	}
	mux.Handle("GET /api/v1/stream", s.hub)
	mux.Handle("GET /api/v1/page", deps.Handle(s.page))
	register(mux, deps)
	assets.Register(mux)
	s.jobs = append(s.jobs, in.Run, s.tellStates)
	s.handler = s.guard(mux)
	return s, nil
}

// Handler is the page as a handler, with all that keeps strangers out. [Server.Serve] also does
// what the page needs beside.
func (s *Server) Handler() http.Handler { return s.handler }

// Inputs is what the page is made of.
func (s *Server) Inputs() *inputs.Inputs { return s.inputs }

// Serve serves the page until the context ends, and closes the listener.
func (s *Server) Serve(ctx context.Context, l net.Listener) (err error) {
	b := s.bounds
	l = netutil.LimitListener(l, b.connections)
	h := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: b.header, ReadTimeout: b.request, WriteTimeout: b.answer,
		IdleTimeout: b.idle, MaxHeaderBytes: b.headerBytes, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	if s.opts.TLSCert != "" {
		pair, err := newPair(s.opts.TLSCert, s.opts.TLSKey, s.log)
		if err != nil {
			return errors.Join(err, l.Close())
		}
		h.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.get}
	}
	ctx, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, job := range s.jobs {
		all.Go(func() { job(ctx) })
	}
	defer func() { err = errors.Join(err, s.inputs.Close()) }()
	defer all.Wait()
	defer stop()
	ended := make(chan struct{})
	all.Go(func() {
		defer close(ended)
		<-ctx.Done()
		s.hub.Close()
		last, giveUp := context.WithTimeout(context.WithoutCancel(ctx), b.stop)
		defer giveUp()
		if h.Shutdown(last) != nil {
			_ = h.Close()
		}
	})
	if h.TLSConfig != nil {
		err = h.ServeTLS(l, "", "")
	} else {
		err = h.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		<-ended
		return nil
	}
	return err
}

// tellStates tells browsers how the inputs are.
func (s *Server) tellStates(ctx context.Context) {
	beat := time.NewTicker(10 * time.Second) // for how long ago they were well
	defer beat.Stop()
	for {
		changed := s.inputs.StatesChanged()
		s.hub.State("inputs", s.inputs.States())
		select {
		case <-changed:
		case <-beat.C:
		case <-ctx.Done():
			return
		}
	}
}

// zoneName is a name of the zone that browsers know.
func zoneName(zone *time.Location) string {
	if zone != time.Local {
		return zone.String()
	}
	if name := os.Getenv("TZ"); name != "" {
		return strings.TrimPrefix(name, ":")
	}
	if path, err := os.Readlink("/etc/localtime"); err == nil {
		if _, name, ok := strings.Cut(path, "zoneinfo/"); ok {
			return name
		}
	}
	return "UTC"
}

// page says what the page is of.
func (s *Server) page(w http.ResponseWriter, r *http.Request) error {
	in := s.inputs
	_, frames := in.FramesSpec()
	return web.JSON(w, r, map[string]any{
		"title": s.opts.Title, "zone": zoneName(in.Zone), "edit": s.opts.Edit, "user": userOf(r), "logout": s.opts.PasswordFile != "",
		"inputs": in.States(), "cameras": in.CameraIDs(), "kafka": in.HasKafka(), "topic": in.Topic, "frames": frames,
		"flink": in.FlinkREST != "", "now": time.Now(),
	})
}
