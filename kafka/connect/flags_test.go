package connect

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBrokersAreChecked(t *testing.T) {
	for _, c := range []struct {
		name string
		text string
		want []string
		err  string
	}{
		{"one", "localhost:9092", []string{"localhost:9092"}, ""},
		{"several, with room between", "a:1, 10.0.0.1:65535,[::1]:9092,", []string{"a:1", "10.0.0.1:65535", "[::1]:9092"}, ""},
		{"none", " , ", nil, "--brokers is missing"},
		{"no port", "a", []string{"a"}, `--brokers: "a" is not host:port`},
		{"no host", ":9092", []string{":9092"}, `--brokers: ":9092" is not host:port`},
		{"no such ports", "a:0,a:65536,a:kafka", []string{"a:0", "a:65536", "a:kafka"},
			"--brokers: \"a:0\" is not host:port\n--brokers: \"a:65536\" is not host:port\n--brokers: \"a:kafka\" is not host:port"},
	} {
		t.Run(c.name, func(t *testing.T) {
			flags := Flags{Brokers: c.text}
			got, err := flags.Check()
			said := ""
			if err != nil {
				said = err.Error()
			}
			if !cmp.Equal(got, c.want) || said != c.err {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestWhatIsWrongWithBrokersAndTheConnectionIsSaidAtOnce(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "connection.yaml"), "tls: often\n")
	flags := Flags{Brokers: "a", Connection: path}
	_, err := flags.Check()
	if err == nil || !strings.Contains(err.Error(), `"a" is not host:port`) || !strings.Contains(err.Error(), path+":1: connection: tls") {
		t.Error(err)
	}
}
