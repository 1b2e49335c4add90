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

// Reach makes sure that the runner's job server can be connected to, before a job
// writes anything that ends another one. On the direct runner there is nothing to reach.
func Reach(ctx context.Context, runner string) error {
	fallback, ok := map[string]string{Flink: FlinkEndpoint, Spark: SparkEndpoint}[runner]
	if !ok {
		return nil
	}
	endpoint := cmp.Or(*jobopts.Endpoint, fallback)
	if strings.Contains(endpoint, "://") || strings.HasPrefix(endpoint, "unix:") {
		return nil // a name of gRPC's own kind, which it alone can resolve
	}
	d := net.Dialer{Timeout: reachPatience}
	conn, err := d.DialContext(ctx, "tcp", endpoint)
	if err != nil {
		return fmt.Errorf("job server %s of %s cannot be reached (--endpoint): %w", endpoint, runner, err)
	}
	return conn.Close()
}
