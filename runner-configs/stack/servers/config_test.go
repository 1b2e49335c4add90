package servers

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAConfigurationIsRefusedWithEveryViolation(t *testing.T) {
	c := Config{Dir: "/with a blank", Services: []string{"kafka", "yarn"}, Brokers: 4, DataNodes: -1, BasePort: 65535}
	_, err := c.complete()
	for _, want := range []string{"blank", `"yarn"`, "brokers: 4", "datanodes: -1", "base port: 65535"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %s", err, want)
		}
	}
}

func TestDefaultsAreOneOfEachAndAllServices(t *testing.T) {
	c, err := Config{Dir: t.TempDir()}.complete()
	if err != nil {
		t.Fatal(err)
	}
	s := newStack(c)
	want := []string{
		"kafka-1", "namenode", "datanode-1",
		"jobmanager", "taskmanager-1", "taskmanager-2", "flink-job-server",
		"spark-master", "spark-worker-1", "spark-worker-2", "spark-job-server",
	}
	if diff := cmp.Diff(want, s.Names()); diff != "" {
		t.Error(diff)
	}
}

func TestALaterStartKeepsTheLayout(t *testing.T) {
	first := Config{Dir: "/s", Brokers: 3, DataNodes: 1, TaskManagers: 2, SparkWorkers: 2, BasePort: 20000}
	for _, test := range []struct {
		name string
		now  Config
		bad  string
	}{
		{"unset counts are those of the first start", Config{Dir: "/s"}, ""},
		{"the same counts are accepted", Config{Dir: "/s", Brokers: 3, BasePort: 20000}, ""},
		{"another number of brokers is refused", Config{Dir: "/s", Brokers: 1}, "brokers: 1"},
		{"other ports are refused", Config{Dir: "/s", BasePort: 21000}, "base port: 21000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.now.onto(first)
			if test.bad != "" {
				if err == nil || !strings.Contains(err.Error(), test.bad) {
					t.Fatalf("error %v, want one that says %s", err, test.bad)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Brokers != 3 || got.BasePort != 20000 || got.TaskManagers != 2 {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestWhatWasStartedIsReadBack(t *testing.T) {
	c, err := Config{Dir: t.TempDir(), Services: []string{Kafka}, KafkaProperties: map[string]string{"a": "b"}}.complete()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.write(); err != nil {
		t.Fatal(err)
	}
	got, err := readConfig(c.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, got); diff != "" {
		t.Error(diff)
	}
}

func TestOpeningAFolderWithoutAStackSaysSo(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "nothing"))
	if err == nil || !strings.Contains(err.Error(), "no stack was started") {
		t.Errorf("got %v", err)
	}
}
