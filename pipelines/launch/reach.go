package launch

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
)

// reachPatience is how long a job server may take to accept a connection.
const reachPatience = 10 * time.Second

// jobServer is the address of the engine's job server.
func (e Engine) jobServer() string { return cmp.Or(*jobopts.Endpoint, e.endpoint) }

// Reach makes sure that the engine's job server can be connected to, before a job
// writes anything that ends another one. Without one there is nothing to reach.
func (e Engine) Reach(ctx context.Context) error {
	if e.endpoint == "" {
		return nil
	}
	endpoint := e.jobServer()
	if strings.Contains(endpoint, "://") || strings.HasPrefix(endpoint, "unix:") {
		return nil // a name of gRPC's own kind, which it alone can resolve
	}
	d := net.Dialer{Timeout: reachPatience}
	conn, err := d.DialContext(ctx, "tcp", endpoint)
	if err != nil {
		return fmt.Errorf("job server %s of %s cannot be reached (--endpoint): %w", endpoint, e.Name, err)
	}
	return conn.Close()
}
