package launch

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWorkersGetWhereThingsAreAndNoSecrets(t *testing.T) {
	t.Setenv("HADOOP_CONF_DIR", "/etc/hadoop")
	t.Setenv("FRAMEBEAM_HDFS_REPLICATION", "2")
	t.Setenv("KAFKA_PASSWORD", "open sesame")
	text, err := processConfig("/opt/framebeam/analyze")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Command string
		Env     map[string]string
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if got.Command != "/opt/framebeam/analyze" || got.Env["HADOOP_CONF_DIR"] != "/etc/hadoop" || got.Env["FRAMEBEAM_HDFS_REPLICATION"] != "2" {
		t.Errorf("%+v", got)
	}
	if strings.Contains(text, "sesame") || strings.Contains(text, "PATH") {
		t.Error("workers get what is not meant for them")
	}
}

func TestAProgramThatGoRunHasBuiltIsNoWorker(t *testing.T) {
	// A test's own program lies where go run would put one.
	_, err := processConfig("")
	if err == nil || !strings.Contains(err.Error(), "--worker-path") {
		t.Errorf("%v", err)
	}
}

func TestEnvironments(t *testing.T) {
	for kind, says := range map[string]string{
		"docker": "needs --environment_config", "external": "needs --environment_config", "moon": "not one of process, loopback",
	} {
		setFlag(t, "environment_type", kind)
		if _, _, err := environment(t.Context(), "/opt/analyze"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	urns := map[string]string{}
	for _, kind := range []string{"", "PROCESS", "loopback"} {
		setFlag(t, "environment_type", kind)
		env, stop, err := environment(t.Context(), "/opt/analyze")
		if err != nil {
			t.Fatal(err)
		}
		stop()
		urns[kind] = env.GetUrn()
	}
	want := map[string]string{"": "beam:env:process:v1", "PROCESS": "beam:env:process:v1", "loopback": "beam:env:external:v1"}
	if diff := cmp.Diff(want, urns); diff != "" {
		t.Error(diff)
	}
}
