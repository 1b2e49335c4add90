package launch

import (
	"net"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
)

func TestAJobServerThatIsNotThereIsFoundOutBeforehand(t *testing.T) {
	before := *jobopts.Endpoint
	defer func() { *jobopts.Endpoint = before }()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	*jobopts.Endpoint = l.Addr().String()
	for _, runner := range []Engine{Direct, Flink, Spark} {
		if err := runner.Reach(t.Context()); err != nil {
			t.Errorf("%s: %v", runner.Name, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Direct.Reach(t.Context()); err != nil {
		t.Error(err)
	}
	for _, runner := range []Engine{Flink, Spark} {
		if err := runner.Reach(t.Context()); err == nil || !strings.Contains(err.Error(), *jobopts.Endpoint) || !strings.Contains(err.Error(), "--endpoint") {
			t.Errorf("%s: %v", runner.Name, err)
		}
	}
	*jobopts.Endpoint = "dns:///jobserver.example:8099"
	if err := Flink.Reach(t.Context()); err != nil {
		t.Errorf("a name that only gRPC can resolve is refused: %v", err)
	}
}
