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
	for _, runner := range []string{Direct, Flink, Spark} {
		if err := Reach(t.Context(), runner); err != nil {
			t.Errorf("%s: %v", runner, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Reach(t.Context(), Direct); err != nil {
		t.Error(err)
	}
	for _, runner := range []string{Flink, Spark} {
		if err := Reach(t.Context(), runner); err == nil || !strings.Contains(err.Error(), *jobopts.Endpoint) || !strings.Contains(err.Error(), "--endpoint") {
			t.Errorf("%s: %v", runner, err)
		}
	}
	*jobopts.Endpoint = "dns:///jobserver.example:8099"
	if err := Reach(t.Context(), Flink); err != nil {
		t.Errorf("a name that only gRPC can resolve is refused: %v", err)
	}
}
