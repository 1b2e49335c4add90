package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/monitor/server"
)

// page are the flags that say where the page is served, and who may look.
type page struct {
	listen         string
	title          string
	proxies, hosts string
	opts           server.Options
}

// newPage adds them.
func newPage(f *pflag.FlagSet) *page {
	p := &page{}
	f.StringVar(&p.title, "title", "", "what the page is called, to tell it from another installation's")
	f.StringVar(&p.listen, "listen", "127.0.0.1:8088", "the `address` to serve the page at")
	program.InGroup(f, "Who may look", func(f *pflag.FlagSet) {
		f.StringVar(&p.opts.PasswordFile, "password-file", "", "a `file` with a line name:hash for each user, the hash bcrypt's")
		f.StringVar(&p.opts.AuthHeader, "auth-header", "", "the request `header` in which a proxy says who has logged in, such as X-Forwarded-User")
		f.StringVar(&p.proxies, "trusted-proxy", "", "the `networks`, a.b.c.d/n,…, of the proxies whose --auth-header is believed; nobody else is let in")
		f.StringVar(&p.hosts, "host", "", "the `names`, a,b,…, under which the page is asked for, beside localhost and addresses")
		f.StringVar(&p.opts.TLSCert, "tls-cert", "", "a PEM `file` with the page's certificate; read again when it changes")
		f.StringVar(&p.opts.TLSKey, "tls-key", "", "a PEM `file` with its key")
		f.BoolVar(&p.opts.Insecure, "insecure", false, "let whoever reaches the address look, without a login or without TLS")
	})
	return p
}

// options are what the flags say of the page, without what it looks at.
func (p *page) options() (server.Options, error) {
	var errs []error
	p.opts.Title, p.opts.Hosts = p.title, flags.List(p.hosts)
	for _, text := range flags.List(p.proxies) {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("--trusted-proxy=%s: not a network such as 10.0.0.0/8", text))
		}
		p.opts.TrustedProxies = append(p.opts.TrustedProxies, network)
	}
	errs = append(errs, p.opts.Check(p.listen))
	if _, err := os.Stat(p.opts.PasswordFile); p.opts.PasswordFile != "" && err != nil {
		errs = append(errs, err)
	}
	return p.opts, errors.Join(errs...)
}
