package cli

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestWhoMayLookAtThePage(t *testing.T) {
	for _, c := range []struct {
		flags string
		wrong []string // what is said of each
	}{
		{"", nil},
		{"--auth-header=X-Forwarded-User --trusted-proxy=10.0.0.0/8,192.0.2.1/32", nil},
		{"--auth-header=X-Forwarded-User", []string{"--auth-header and --trusted-proxy belong together"}},
		{"--trusted-proxy=10.0.0.0/8", []string{"--auth-header and --trusted-proxy belong together"}},
		{"--auth-header=X-Forwarded-User --trusted-proxy=10.0.0.1", []string{"--trusted-proxy=10.0.0.1: not a network"}},
		{"--listen=:8443", []string{"--password-file, or --auth-header", "it needs --tls-cert"}},
		{"--password-file=/nowhere/users", []string{"/nowhere/users"}},
	} {
		f := pflag.NewFlagSet("page", pflag.ContinueOnError)
		p := newPage(f)
		if err := f.Parse(strings.Fields(c.flags)); err != nil {
			t.Fatal(err)
		}
		opts, err := p.options()
		if (err == nil) != (len(c.wrong) == 0) {
			t.Errorf("%q: %v", c.flags, err)
		}
		for _, w := range c.wrong {
			if err != nil && !strings.Contains(err.Error(), w) {
				t.Errorf("%q: %v, want %q", c.flags, err, w)
			}
		}
		want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32")}
		if strings.Contains(c.flags, "192.0.2.1") && !slices.Equal(opts.TrustedProxies, want) {
			t.Errorf("%q: %v are trusted", c.flags, opts.TrustedProxies)
		}
	}
}
