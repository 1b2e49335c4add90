package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/testdata/goldenfile"
)

const key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// folder is one with the secrets that the files name.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"ops.secret": key, "smtp.password": "hunter2"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("MQTT_PASSWORD", "hunter2")
	return dir
}

func TestTheExampleIsRight(t *testing.T) {
	data, err := os.ReadFile("../../docs/examples/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := Parse(filepath.Join(folder(t), "alerts.yaml"), data)
	if err != nil {
		t.Fatal(err)
	}
	defer cfg.Close()
	var targets []string
	for _, x := range cfg.Targets {
		targets = append(targets, x.Name+" "+x.Kind+" "+x.Where)
	}
	if diff := cmp.Diff([]string{
		"ops webhook https://ops.example", "house mqtt mqtts://mqtt.example:8883", "guard email guard@site.example by smtp.example:587",
	}, targets); diff != "" {
		t.Error(diff)
	}
	r := cfg.Rules[0]
	night := time.Date(2024, 7, 1, 18, 30, 0, 0, time.UTC) // 20:30 in Berlin
	if len(cfg.Rules) != 5 || r.Name != "intruder" || r.Quiet != 2*time.Minute || !r.Picture || len(r.Schedules) != 1 || !r.Schedules[0].Covers(night) ||
		cfg.Rules[1].Limit != 5 || cfg.Rules[1].Per != time.Hour || *cfg.Rules[1].MinValue != 60 || cfg.PictureWait != DefaultPictureWait {
		t.Errorf("%+v", cfg.Rules)
	}
}

func TestEveryViolationIsListedWithItsLine(t *testing.T) {
	dir := folder(t)
	const targets = "targets: [{name: ops, webhook: {url: \"https://ops.example/\"}}]\n"
	const rules = "rules: [{name: all, targets: ops}]\n"
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "1: there are no rules and no targets"},
		{"rules alone", rules, "1: alerts: targets is missing: nobody would be told\n1: rules: all: targets: there is no target \"ops\""},
		{"targets alone", targets, "1: alerts: rules is missing: nothing would be told"},
		{"a misspelt field", targets + "rules:\n  - name: all\n    camera: gate\n    targets: [ops]\n",
			`4: rules: unknown field "camera" (known: cameras, during, except, labels, limit, message, min_duration, min_value, name, picture, quiet, rules, summary, targets, transitions, types); did you mean "cameras"?`},
		{"names twice, and names that are none", "targets:\n  - {name: ops, webhook: {url: \"https://a.example/\"}}\n  - {name: ops, webhook: {url: \"https://b.example/\"}}\nrules:\n  - {name: a b, targets: [ops]}\n  - {targets: [ops]}\n",
			"3: targets: two are named \"ops\"\n5: rules: \"a b\" is no name: letters, digits, and _ . - inside\n6: rules: name is missing"},
		{"what is referred to and not there", targets + "schedules: [{name: night, from: \"20:00\", to: \"06:00\"}]\nrules:\n  - {name: all, targets: [opps], during: nigth}\n",
			"4: rules: all: during: there is no schedule \"nigth\"; did you mean \"night\"?\n4: rules: all: targets: there is no target \"opps\"; did you mean \"ops\"?"},
		{"numbers and times", targets + "rules:\n  - {name: all, targets: ops, quiet: 10, min_value: much, limit: {count: 0, per: 1h}}\n  - {name: b, targets: ops, limit: {count: 1}, min_value: 1, min_duration: 1s}\n",
			"3: rules: quiet: \"10\" has no unit: write 10s for seconds, say\n3: rules: min_value: is \"much\", not a number\n3: limit: count: 0 is not 1 to 1000000\n" +
				"4: limit: per is missing: {count: 5, per: 1h}\n4: rules: b: min_duration and min_value are the same in seconds: give one"},
		{"templates", targets + "rules:\n  - {name: all, targets: ops, message: \"{{.Kamera}}\", summary: \"{{\"}\n  - {name: b, targets: ops, message: \"{{printf `%1000000000d` 1}}\"}\n", ""},
		{"a target of two kinds, and of none", "targets:\n  - {name: a, webhook: {url: \"https://a.example/\"}, email: {}}\n  - {name: b}\n" + rules, ""},
		{"hooks", "targets:\n  - name: ops\n    webhook: {url: \"http://a.example/\", mode: xml, secret_env: NOT_SET_ANYWHERE, ca_file: nowhere.pem}\n" + rules, ""},
		{"brokers", "targets:\n  - name: ops\n    mqtt: {broker: \"mqtt://a.example\", topic: \"a/#\", password_file: nowhere}\n" + rules, ""},
		{"mails", "targets:\n  - name: ops\n    email: {server: \"a.example\", encryption: none, from: me, to: []}\n" + rules, ""},
		{"schedules and zones", "zone: Mars/Olympus\n" + targets + "schedules: [{name: night, from: \"8pm\", to: \"06:00\"}]\n" + rules, ""},
		{"what is no list", "targets: 1\nrules: [a]\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := Parse(filepath.Join(dir, "alerts.yaml"), []byte(c.text))
			if err == nil {
				cfg.Close()
				t.Fatal("it is taken")
			}
			got := strings.ReplaceAll(strings.ReplaceAll(err.Error(), dir+"/alerts.yaml:", ""), dir, "")
			if strings.Contains(got, "hunter2") {
				t.Error("a secret is told")
			}
			if c.want == "" {
				goldenfile.Equal(t, strings.NewReplacer(" ", "-", ",", "").Replace(c.name)+".txt", got+"\n")
				return
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzParse: whatever a file holds, it is read or refused with lines of it.
func FuzzParse(f *testing.F) {
	f.Add("targets: [{name: a, email: {server: a, from: a@b.c, to: a@b.c}}]\nrules: [{name: a, targets: a, message: \"{{.Camera}}\"}]\n")
	f.Add("zone: UTC\nschedules: [{name: a, from: \"00:00\", to: \"01:00\"}]\n")
	f.Fuzz(func(_ *testing.T, text string) {
		if cfg, err := Parse("/nowhere/alerts.yaml", []byte(text)); err == nil {
			cfg.Close()
		}
	})
}
