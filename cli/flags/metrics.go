package flags

import (
	"cmp"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/metrics"
	"github.com/framebeam/framebeam/systemd"
)

// TraceSample adds --trace-sample.
func TraceSample(c *cobra.Command) *float64 {
	return c.Flags().Float64("trace-sample", 0,
		"follow this `share` of all frames, 0 to 1, as OpenTelemetry traces that are sent to OTEL_EXPORTER_OTLP_ENDPOINT; of "+
			"ingest and of what reads its topic the same")
}

// Metrics is what a command says of itself to Prometheus.
type Metrics struct {
	*metrics.Endpoint        // to be filled, whether it is served or not
	Address           string // of --listen-metrics

	fallback string
}

// ListenMetrics adds --listen-metrics. fallback is the address at which a command serves unless
// something else is said; "": nowhere. A command then begins its work with
//
//	stop, err := measured.Serve()
//	if err != nil {
//		return err
//	}
//	defer stop()
func ListenMetrics(c *cobra.Command, fallback string) *Metrics {
	m := &Metrics{Endpoint: metrics.New(c.Name()), fallback: fallback}
	c.Flags().StringVar(&m.Address, "listen-metrics", "",
		"`address` at which /metrics (for Prometheus), /healthz and /readyz are served, such as localhost:9464; port 0 takes any; "+
			"off: nowhere (default off, of live localhost:9464)")
	return m
}

// Serve begins to serve, if it is to be, and says where; and to tell systemd, if that has
// started this process, what /readyz and /healthz say. Its error is one of the command line.
func (m *Metrics) Serve() (stop func(), err error) {
	address := cmp.Or(m.Address, m.fallback, "off")
	if address == "off" {
		return systemd.Tell(m.Endpoint), nil
	}
	s, err := m.Listen(address)
	if err != nil {
		return nil, program.Wrong(err)
	}
	console.Default().Say("metrics: http://%s/metrics", s.Addr())
	told := systemd.Tell(m.Endpoint)
	return func() {
		told()
		s.Close()
	}, nil
}
