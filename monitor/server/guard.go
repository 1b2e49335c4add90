package server

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/framebeam/framebeam/monitor/web"
)

// policy lets the page load nothing but what this server has, and nobody show it in a frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; " +
	"connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard is what every request passes: headers for all answers, whether the name that was asked
// for is this server's, who asks, and how many at once.
func (s *Server) guard(next http.Handler) http.Handler {
	next = s.bounded(next)
	next = s.gate.wrap(next)
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		h.Set("Cache-Control", "private, no-store") // unless a handler knows better
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if !s.hosted(r.Host) {
			web.WriteError(w, &web.Error{
				Status: http.StatusMisdirectedRequest, Code: "wrong_host",
				Message: "the page is not served under this name: name it with --host if it should be",
			})
			return
		}
		if len(r.URL.Path) > 1024 || len(r.URL.RawQuery) > 16<<10 {
			web.WriteError(w, &web.Error{Status: http.StatusRequestURITooLong, Code: "bad_request", Message: "the address is too long"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hosted reports whether the page may be asked for under a name.
func (s *Server) hosted(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil {
		return true // nobody can let a name point to it then
	}
	return host == "localhost" || slices.ContainsFunc(s.opts.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// bounded lets only so many requests in at a time: others wait a little, or are refused. Those
// that listen to what is new, the hub counts.
func (s *Server) bounded(next http.Handler) http.Handler {
	places := make(chan struct{}, s.bounds.requests)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/stream" {
			next.ServeHTTP(w, r)
			return
		}
		ctx, stop := context.WithTimeout(r.Context(), s.bounds.queue)
		defer stop()
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		case <-ctx.Done():
			w.Header().Set("Retry-After", "5")
			web.WriteError(w, &web.Error{Status: http.StatusServiceUnavailable, Code: "too_many", Message: "too many requests at a time"})
			return
		}
		if r.Body != nil {
			r.Body = http.MaxBytesReader(w, r.Body, 2*web.MostBody)
		}
		next.ServeHTTP(w, r)
	})
}

// remote is the address that a request came from.
func remote(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}

// perMinute counts what addresses do in a minute; many addresses share what is left.
type perMinute struct {
	since time.Time
	count map[netip.Addr]int
	all   int
}

// mostAddresses bounds how many are told apart.
const mostAddresses = 1024

// more counts one more, and reports whether that is not too many.
func (p *perMinute) more(now time.Time, a netip.Addr, most, mostOfAll int) bool {
	if now.Sub(p.since) >= time.Minute {
		p.since, p.count, p.all = now, map[netip.Addr]int{}, 0
	}
	if a.Is6() { // whoever has one address has the network
		if n, err := a.Prefix(64); err == nil {
			a = n.Addr()
		}
	}
	if _, known := p.count[a]; !known && len(p.count) >= mostAddresses {
		a = netip.Addr{}
	}
	p.count[a]++
	p.all++
	return p.count[a] <= most && p.all <= mostOfAll
}
