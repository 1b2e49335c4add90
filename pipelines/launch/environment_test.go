package launch

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	jobpb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/jobmanagement_v1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
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

func TestNoSecretTravelsWithAJob(t *testing.T) {
	const secret = "open-sesame-4711"
	for _, name := range []string{"FRAMEBEAM_KAFKA_PASSWORD", "FRAMEBEAM_HDFS_PASSWORD", "FRAMEBEAM_CRASH", "KAFKA_PASSWORD", "SECRET"} {
		t.Setenv(name, secret)
	}
	t.Setenv("FRAMEBEAM_HDFS_KEYTAB", "/etc/framebeam/keytab")
	setFlag(t, "worker-path", "/opt/framebeam/bin/analyze")
	for _, runner := range []Engine{Flink, Spark} {
		e := startEngine(t)
		e.end = jobpb.JobState_DONE
		setFlag(t, "endpoint", e.at)
		if err := runner.Run(t.Context(), impulse(), nil); err != nil {
			t.Fatal(err)
		}
		b, err := proto.Marshal(e.prepared)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("%s: the job's description has a secret", runner.Name)
		}
		if !bytes.Contains(b, []byte("/etc/framebeam/keytab")) {
			t.Errorf("%s: workers do not hear where the keytab is", runner.Name)
		}
	}
}

func TestAPasswordThatDoesNotTravelIsNotTakenForOneThatDoes(t *testing.T) {
	t.Setenv("FRAMEBEAM_KAFKA_PASSWORD", "open sesame")
	t.Setenv("KAFKA_PASSWORD", "open sesame")
	file := filepath.Join(t.TempDir(), "connection.yaml")
	for _, c := range []struct {
		runner     Engine
		name, says string
	}{
		{Direct, "FRAMEBEAM_KAFKA_PASSWORD", ""},
		{Flink, "KAFKA_PASSWORD", ""},
		{Flink, "FRAMEBEAM_KAFKA_PASSWORD", file + ":3: connection: password_env: FRAMEBEAM_KAFKA_PASSWORD: on flink no secret travels"},
		{Spark, "FRAMEBEAM_KAFKA_PASSWORD", "use password_file"},
		{Spark, "KRB5CCNAME", "use password_file"},
	} {
		if err := os.WriteFile(file, []byte("mechanism: SCRAM-SHA-512\nuser: a\npassword_env: "+c.name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		err := CheckConnection(c.runner, file)
		if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "sesame")) {
			t.Errorf("%s, %s: %v", c.runner.Name, c.name, err)
		}
	}
	if err := CheckConnection(Flink, ""); err != nil {
		t.Error(err)
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
		if _, _, err := environment(t.Context(), kind, "/opt/analyze"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	urns := map[string]string{}
	for _, kind := range []string{"", "PROCESS", "loopback"} {
		env, stop, err := environment(t.Context(), kind, "/opt/analyze")
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
