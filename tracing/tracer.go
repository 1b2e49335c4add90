package tracing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

// Config says which frames are followed, and where spans go. It travels to the workers. The zero
// value is off.
type Config struct {
	// Sample is the share of frames that are followed, 0 to 1.
	Sample float64
	// Endpoint is the URL that takes spans, by OTLP over HTTP; "": nobody does.
	Endpoint string
}

// Environment variables by which OpenTelemetry's programs are told where spans go.
const (
	endpointEnv       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	tracesEndpointEnv = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
)

// FromEnvironment is a configuration with an endpoint as the environment has it.
func FromEnvironment(sample float64) (Config, error) {
	c := Config{Sample: sample}
	if !(sample >= 0 && sample <= 1) {
		return c, fmt.Errorf("--trace-sample=%v: not 0 to 1", sample)
	}
	if sample == 0 {
		return c, nil
	}
	name := tracesEndpointEnv
	c.Endpoint = os.Getenv(name)
	if c.Endpoint == "" {
		if name = endpointEnv; os.Getenv(name) == "" {
			return c, nil
		}
		c.Endpoint = strings.TrimRight(os.Getenv(name), "/") + "/v1/traces"
	}
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil: // which would repeat it
		return c, fmt.Errorf("%s is not a URL", name)
	case u.User != nil:
		return c, fmt.Errorf("%s has a password, and goes to workers in the open: use OTEL_EXPORTER_OTLP_HEADERS, where they run", name)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return c, fmt.Errorf("%s is not http://… or https://…", name)
	}
	return c, nil
}

// Header is the value of the header traceparent of a frame's record; ok is false if the frame is
// not in the sample.
func (c Config) Header(id ID) (text string, ok bool) {
	at, ok := id.sampled(c.Sample)
	return at.Under(Publish).Header(), ok
}

// Tracer sends spans. All of its methods do nothing on nil.
type Tracer struct {
	config   Config
	users    int
	provider *trace.TracerProvider
	tracer   api.Tracer
}

// shared are the tracers of this process: all of a configuration are one.
var shared = struct {
	sync.Mutex
	of map[Config]*Tracer
}{of: map[Config]*Tracer{}}

// patience is how long the end of a tracer may take, which sends what is left.
const patience = 3 * time.Second

// Bounds of what waits to be sent. What comes beyond is dropped, and told.
const (
	sendEvery = 2 * time.Second
	mostWaits = 4096
)

// Open returns the tracer of a configuration, nil if it has no endpoint; close it. Whoever takes
// the spans need not be there.
func Open(c Config) (*Tracer, error) {
	if c.Sample <= 0 || c.Endpoint == "" {
		return nil, nil
	}
	shared.Lock()
	defer shared.Unlock()
	if t := shared.of[c]; t != nil {
		t.users++
		return t, nil
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(tell))
	exporter, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(c.Endpoint), otlptracehttp.WithTimeout(patience))
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	host, _ := os.Hostname()
	p := trace.NewTracerProvider(
		trace.WithBatcher(exporter, trace.WithBatchTimeout(sendEvery), trace.WithMaxQueueSize(mostWaits)),
		trace.WithIDGenerator(identities{}), trace.WithSampler(trace.AlwaysSample()),
		trace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", cmp.Or(os.Getenv("OTEL_SERVICE_NAME"), "framebeam")),
			attribute.String("host.name", host), attribute.Int("process.pid", os.Getpid()))),
	)
	t := &Tracer{config: c, users: 1, provider: p, tracer: p.Tracer("github.com/framebeam/framebeam/tracing")}
	shared.of[c] = t
	return t, nil
}

// told are the errors that were logged, each once: an endpoint may be away for days.
var told = struct {
	sync.Mutex
	was map[string]bool
}{was: map[string]bool{}}

// mostTold bounds them: some have a port in their text that is another each time.
const mostTold = 100

func tell(err error) {
	told.Lock()
	defer told.Unlock()
	if text := err.Error(); !told.was[text] && len(told.was) < mostTold {
		told.was[text] = true
		slog.Warn("traces are not sent", "reason", text)
	}
}

// Close sends what is left, if nobody else uses the tracer, for some seconds at most.
func (t *Tracer) Close() error {
	if t == nil {
		return nil
	}
	shared.Lock()
	t.users--
	last := t.users == 0
	if last {
		delete(shared.of, t.config)
	}
	shared.Unlock()
	if !last {
		return nil
	}
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	if err := t.provider.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		tell(err)
	}
	return nil // whether spans arrive changes nothing
}

// Flush sends what is left, for some seconds at most.
func (t *Tracer) Flush() {
	if t == nil {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	if err := t.provider.ForceFlush(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		tell(err)
	}
}

// Frame is where the trace of a frame begins; ok is false if it is not in the sample.
func (t *Tracer) Frame(id ID) (at Context, ok bool) {
	if t == nil {
		return Context{}, false
	}
	return id.sampled(t.config.Sample)
}

// Published is the place below the span of a frame's publication, where what is done with
// its record goes on.
func (t *Tracer) Published(id ID) (at Context, ok bool) {
	at, ok = t.Frame(id)
	return at.Under(Publish), ok
}

// Span sends a span of that name below at.
func (t *Tracer) Span(at Context, name string, begin, end time.Time, what ...attribute.KeyValue) {
	if t == nil {
		return
	}
	ctx := context.WithValue(context.Background(), identityKey{}, identity{at.Trace, at.span(name)})
	if at.Span != ([8]byte{}) {
		ctx = api.ContextWithRemoteSpanContext(ctx, api.NewSpanContext(api.SpanContextConfig{
			TraceID: at.Trace, SpanID: at.Span, TraceFlags: api.FlagsSampled, Remote: true,
		}))
	}
	_, s := t.tracer.Start(ctx, name, api.WithTimestamp(begin), api.WithAttributes(what...))
	s.End(api.WithTimestamp(end))
}

// identities gives spans the ids that they have.
type identities struct{}

type identityKey struct{}

type identity struct {
	trace api.TraceID
	span  api.SpanID
}

func (identities) NewIDs(ctx context.Context) (api.TraceID, api.SpanID) {
	id, _ := ctx.Value(identityKey{}).(identity)
	return id.trace, id.span
}

func (identities) NewSpanID(ctx context.Context, _ api.TraceID) api.SpanID {
	id, _ := ctx.Value(identityKey{}).(identity)
	return id.span
}

// Describe are the attributes that say which frame it is.
func Describe(id ID) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("framebeam.camera", id.Camera), attribute.String("framebeam.epoch", id.Epoch), attribute.Int64("framebeam.sequence", id.Sequence),
	}
}
