package hdfsfs

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/colinmarc/hdfs/v2"
	krb "github.com/jcmturner/gokrb5/v8/client"
)

const (
	// firstPatience is for a cluster that has never answered: a name or a port
	// is more likely wrong than the cluster away, and somebody waits.
	firstPatience = time.Minute
	// securedAge is how long a client of a secured cluster is used. Its keys
	// for data, and the ticket, live for hours (Hadoop's default is ten).
	securedAge = time.Hour

	// silentFor is how long trouble may last without a word.
	silentFor = 3 * time.Second

	firstBackoff = 50 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

// cluster is the NameNodes of one authority and the process's clients to them.
// A client makes one request at a time, so there are several; one that is idle
// still asks the NameNode every second to renew leases, so there are no more
// than are needed.
type cluster struct {
	name    string
	cfg     Config
	options hdfs.ClientOptions
	keep    keepTargets
	reached atomic.Bool

	mu      sync.Mutex
	clients []*client // that may be used
	opening int
	active  string // the NameNode that was last connected to
}

// client is one connection to the NameNode. What lies here is guarded by cluster.mu.
type client struct {
	*hdfs.Client
	krb     *krb.Client // nil without Kerberos
	born    time.Time
	calls   int // under way
	users   int // calls, and files being written or read
	retired bool
	closed  bool
}

func newCluster(cfg Config, authority string) (*cluster, error) {
	addrs, err := cfg.namenodes(authority)
	if err != nil {
		return nil, err
	}
	c := &cluster{name: Scheme + "://" + authority, cfg: cfg}
	c.options = hdfs.ClientOptionsFromConf(cfg.Hadoop)
	c.options.Addresses, c.options.User = addrs, cfg.User
	c.options.KerberosClient = nil
	if cfg.Protection != "" {
		c.options.DataTransferProtection = cfg.Protection
	}
	if cfg.Kerberos.On {
		c.options.KerberosServicePrincipleName = cfg.Kerberos.NamenodePrincipal
		if err := cfg.canProtect(c.options.DataTransferProtection); err != nil {
			return nil, err
		}
	}
	c.options.DatanodeDialFunc = buffered(dial(cfg.Dial, cfg.Timeout))
	toNamenode := dial(cfg.Dial, cfg.Timeout)
	c.options.NamenodeDialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := toNamenode(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		c.mu.Lock()
		c.active = addr // a standby says so, and then the next one is tried
		c.mu.Unlock()
		return c.keep.wrap(conn), nil
	}
	return c, nil
}

// acquire returns the client with the least to do, or a new one.
func (c *cluster) acquire() (*client, error) {
	c.mu.Lock()
	for _, cl := range slices.Clone(c.clients) {
		if c.cfg.Kerberos.On && time.Since(cl.born) > securedAge {
			c.retire(cl)
		}
	}
	var best *client
	for _, cl := range c.clients {
		if best == nil || cl.calls < best.calls {
			best = cl
		}
	}
	if best != nil && (best.calls == 0 || len(c.clients)+c.opening >= c.cfg.Clients) {
		best.calls++
		best.users++
		c.mu.Unlock()
		return best, nil
	}
	c.opening++
	options := c.options
	options.Addresses = slices.Clone(options.Addresses)
	if i := slices.Index(options.Addresses, c.active); i > 0 {
		options.Addresses[0], options.Addresses[i] = options.Addresses[i], options.Addresses[0]
	}
	c.mu.Unlock()

	cl, err := open(options, &c.cfg.Kerberos)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.opening--
	if err != nil {
		return nil, err
	}
	c.reached.Store(true)
	cl.calls, cl.users = 1, 1
	c.clients = append(c.clients, cl)
	return cl, nil
}

func open(options hdfs.ClientOptions, k *Kerberos) (*client, error) {
	cl := &client{born: time.Now()}
	if k.On {
		var err error
		if cl.krb, err = k.login(); err != nil {
			return nil, err
		}
		options.KerberosClient = cl.krb
	}
	var err error
	if cl.Client, err = hdfs.NewClient(options); err == nil {
		// The library keeps the defaults without a lock when it first needs them.
		if _, err = cl.ServerDefaults(); err != nil {
			go cl.Client.Close()
		}
	}
	if err != nil {
		if cl.krb != nil {
			cl.krb.Destroy()
		}
		return nil, err
	}
	return cl, nil
}

// hold keeps the client after its call for a file.
func (c *cluster) hold(cl *client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cl.users++
}

// done ends a call of the client. With a broken connection it is given to
// nobody any more.
func (c *cluster) done(cl *client, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cl.calls--
	cl.users--
	if err != nil && broken(err) {
		c.retire(cl)
	}
	c.closeIdle(cl)
}

// release ends what hold began.
func (c *cluster) release(cl *client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cl.users--
	c.closeIdle(cl)
}

func (c *cluster) retire(cl *client) {
	if i := slices.Index(c.clients, cl); i >= 0 {
		c.clients = slices.Delete(c.clients, i, i+1)
	}
	cl.retired = true
	c.closeIdle(cl)
}

func (c *cluster) closeIdle(cl *client) {
	if !cl.retired || cl.users > 0 || cl.closed {
		return
	}
	cl.closed = true
	// It waits for the renewal of leases, which may stand still for a while.
	go func() {
		cl.Client.Close()
		if cl.krb != nil {
			cl.krb.Destroy()
		}
	}()
}

// close retires all clients.
func (c *cluster) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.clients) > 0 {
		c.retire(c.clients[0])
	}
}

// once makes one request.
func (c *cluster) once(request func(*client) error) error {
	cl, err := c.acquire()
	if err != nil {
		return explain(err)
	}
	err = explain(request(cl))
	c.done(cl, err)
	return err
}

// do makes a request until it is answered or patience is over.
func (c *cluster) do(ctx context.Context, request func(*client) error) error {
	return c.retry(ctx, transientRequest, func() error { return c.once(request) })
}

// retry repeats try while its error is passing and patience lasts. Trouble that
// lasts is logged once.
func (c *cluster) retry(ctx context.Context, passing func(error) bool, try func() error) error {
	begin, said := time.Now(), false
	patience := c.cfg.Patience
	if !c.reached.Load() {
		patience = min(patience, firstPatience)
	}
	tries := 0
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		tries++
		err := try()
		if err != nil && !passing(err) {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(newBackoff()), backoff.WithMaxElapsedTime(patience), backoff.WithNotify(func(err error, _ time.Duration) {
		if !said && time.Since(begin) > silentFor {
			said = true
			slog.WarnContext(ctx, "HDFS fails, trying again", "cluster", c.name, "for", patience, "reason", err)
		}
	}))
	if err != nil && tries > 1 && passing(err) {
		return fmt.Errorf("given up after %v: %w", time.Since(begin).Round(time.Millisecond), err)
	}
	return err
}

func newBackoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.Multiplier = firstBackoff, maxBackoff, 2
	return b
}

// clusters are the process's clusters by configuration and authority.
type clusters struct {
	cfg Config
	mu  sync.Mutex
	all map[string]*cluster
}

func (c *clusters) get(name string) (*cluster, string, error) {
	authority, path, err := split(name)
	if err != nil {
		return nil, "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	cl, ok := c.all[authority]
	if !ok {
		if cl, err = newCluster(c.cfg, authority); err != nil {
			return nil, "", err
		}
		c.all[authority] = cl
	}
	return cl, path, nil
}
