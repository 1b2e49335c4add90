package servers

import (
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestConfigurationOfTheStack(t *testing.T) {
	c, err := Config{
		Dir: "/stack", SharedJars: "/jars", Brokers: 3, DataNodes: 3, BasePort: 20000,
		KafkaProperties: map[string]string{
			"listeners":                      "TLS://127.0.0.1:20032",
			"advertised.listeners":           "TLS://127.0.0.1:20032",
			"listener.security.protocol.map": "TLS:SSL",
			"message.max.bytes":              "1000",
		},
		HDFSProperties:  map[string]string{"dfs.replication": "2", "dfs.permissions.enabled": "false"},
		CoreProperties:  map[string]string{"hadoop.security.authentication": "kerberos"},
		FlinkConfig:     map[string]string{"taskmanager.numberOfTaskSlots": "4"},
		SparkProperties: map[string]string{"spark.executor.memory": "512m"},
	}.complete()
	if err != nil {
		t.Fatal(err)
	}
	s := newStack(c)
	core, err := overrideXML(preset("hdfs/core-site.xml"), s.coreProperties())
	if err != nil {
		t.Fatal(err)
	}
	site, err := overrideXML(preset("hdfs/hdfs-site.xml"), s.hdfsProperties())
	if err != nil {
		t.Fatal(err)
	}
	for from, text := range map[string]string{
		"kafka/server.properties":   s.kafkaProperties(1),
		"hdfs/core-site.xml":        core,
		"hdfs/hdfs-site.xml":        site,
		"flink/config.yaml":         s.flinkConfig(),
		"spark/spark-defaults.conf": s.sparkDefaults(),
	} {
		name := filepath.Base(from)
		t.Run(name, func(t *testing.T) {
			got := changed(t, preset(from), text)
			path := filepath.Join("testdata", name+".changed")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("go test -update writes it anew:\n%s", diff)
			}
		})
	}
}

// changed returns the lines of a text that the preset does not have; in Hadoop's format
// each property is a line.
func changed(t *testing.T, preset, text string) string {
	t.Helper()
	has := map[string]bool{}
	for _, line := range settings(t, preset) {
		has[line] = true
	}
	var out strings.Builder
	for _, line := range settings(t, text) {
		if !has[line] {
			out.WriteString(line + "\n")
		}
	}
	return out.String()
}

func settings(t *testing.T, text string) []string {
	t.Helper()
	if !strings.HasPrefix(text, "<?xml") {
		return strings.Split(strings.TrimSpace(text), "\n")
	}
	var c hadoopConfiguration
	if err := xml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, p := range c.Properties {
		lines = append(lines, p.Name+" = "+p.Value)
	}
	return lines
}

func TestOverride(t *testing.T) {
	for _, test := range []struct {
		name, text, separator string
		values                map[string]string
		want                  string
	}{
		{"a key is set where it stands", "# why\na=1\nb=2\n", properties, map[string]string{"a": "3"}, "# why\na=3\nb=2\n"},
		{"other keys follow in order", "a=1\n", properties, map[string]string{"c": "3", "b": "2"}, "a=1\n\n# Set by the stack.\nb=2\nc=3\n"},
		{"a comment that looks like a setting stays", "#a=1\na=1\n", properties, map[string]string{"a": "2"}, "#a=1\na=2\n"},
		{"a value may contain the separator", "a=1\n", properties, map[string]string{"a": "x=y"}, "a=x=y\n"},
		{"YAML", "a.b: 1\n", yaml, map[string]string{"a.b": "2"}, "a.b: 2\n"},
		{"Spark's blanks", "a.b 1\n", spark, map[string]string{"a.b": "-x -y"}, "a.b -x -y\n"},
		{"a key that begins like another is not it", "ab=1\n", properties, map[string]string{"ab": "2"}, "ab=2\n"},
		{"nothing to set changes nothing", "a=1\n", properties, nil, "a=1\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := override(test.text, test.separator, test.values); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestTheHeapOfATaskManagerIsWhatItsConfigurationSays(t *testing.T) {
	for size, want := range map[string]string{"512m": "640m", "2g": "2176m", "lots": "error", "100": "error"} {
		c, err := Config{Dir: "/stack", FlinkConfig: map[string]string{"taskmanager.memory.task.heap.size": size}}.complete()
		if err != nil {
			t.Fatal(err)
		}
		got, err := newStack(c).taskManagerHeap()
		if err != nil {
			got = "error"
			if !strings.Contains(err.Error(), "task.heap.size") {
				t.Errorf("%s: %v", size, err)
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", size, got, want)
		}
	}
}
