package connect

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// folder is a folder with what connection files name.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	authority(t).write(t, dir, "client", "ca")
	for name, text := range map[string]string{"password": "hunter2\n", "dos": "hunter2\r\n", "two-lines": "framebeam\nhunter2\n", "empty": "\n"} {
		write(t, filepath.Join(dir, name), text)
	}
	t.Setenv("KAFKA_PASSWORD", "hunter2")
	return dir
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConnectionFilesThatAreRight(t *testing.T) {
	dir := folder(t)
	for _, c := range []struct {
		name, text string
		tls        bool
		mechanism  string
	}{
		{"an empty file is a plain connection", "", false, ""},
		{"comments alone are a plain connection", "# plain\n", false, ""},
		{"tls: false is a plain connection", "tls: false\n", false, ""},
		{"the system's authorities", "tls: true\n", true, ""},
		{"authorities of one's own imply TLS", "ca_file: ca.pem\n", true, ""},
		{"a client's certificate implies TLS", "cert_file: client.pem\nkey_file: client.key\n", true, ""},
		{"SCRAM without TLS", "mechanism: SCRAM-SHA-256\nuser: framebeam\npassword_file: password\n", false, "SCRAM-SHA-256"},
		{"a password that ends as on Windows", "mechanism: SCRAM-SHA-512\nuser: framebeam\npassword_file: dos\n", false, "SCRAM-SHA-512"},
		{"PLAIN with TLS", "tls: true\nmechanism: PLAIN\nuser: 17\npassword_env: KAFKA_PASSWORD\n", true, "PLAIN"},
		{"an absolute path", "ca_file: " + filepath.Join(dir, "ca.pem") + "\n", true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := read(write(t, filepath.Join(dir, "connection.yaml"), c.text))
			if err != nil {
				t.Fatal(err)
			}
			mechanism := ""
			if s.mechanism != nil {
				mechanism = s.mechanism.Name()
			}
			if s.tls != nil != c.tls || mechanism != c.mechanism {
				t.Errorf("TLS %v, mechanism %q", s.tls != nil, mechanism)
			}
			if s.tls != nil && s.tls.InsecureSkipVerify {
				t.Error("brokers are not verified")
			}
		})
	}
	if err := Check(""); err != nil {
		t.Error("no file at all is a plain connection:", err)
	}
}

func TestEveryViolationIsListedWithItsLine(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, "connection.yaml")
	for _, c := range []struct {
		name, text string
		want       []string // without "connection.yaml:"
	}{
		{"an unknown field", "tsl: true\n", []string{
			`1: connection: unknown field "tsl" (known: ca_file, cert_file, key_file, mechanism, password_env, password_file, tls, user); did you mean "tls"?`}},
		{"several things at once", "# to production\nca_file: nowhere.pem\ncert_file: client.pem\nmechanism: GSSAPI\nuser:\n", []string{
			"2: connection: ca_file: open " + dir + "/nowhere.pem: no such file or directory",
			"3: connection: cert_file: needs key_file too",
			`4: connection: mechanism: "GSSAPI" is not PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512`,
			"4: connection: mechanism: needs password_file or password_env too",
			"5: connection: user: is empty, not a string"}},
		{"a mechanism alone", "mechanism: SCRAM-SHA-256\n", []string{
			"1: connection: mechanism: needs user too",
			"1: connection: mechanism: needs password_file or password_env too"}},
		{"a user without a mechanism", "user: framebeam\npassword_file: password\n", []string{
			"1: connection: user: needs mechanism too",
			"2: connection: password_file: needs mechanism too"}},
		{"PLAIN without TLS", "mechanism: PLAIN\nuser: framebeam\npassword_file: password\n", []string{
			"1: connection: mechanism: PLAIN sends the password as it is: use it with tls, or a SCRAM mechanism"}},
		{"the password itself is not a field", "mechanism: SCRAM-SHA-256\nuser: framebeam\npassword: hunter2\n", []string{
			"1: connection: mechanism: needs password_file or password_env too",
			`3: connection: unknown field "password" (known: ca_file, cert_file, key_file, mechanism, password_env, password_file, tls, user)`}},
		{"the password where its variable's name belongs", "mechanism: SCRAM-SHA-256\nuser: framebeam\npassword_env: hunter2!\n", []string{
			"3: connection: password_env: is not the name of an environment variable, such as KAFKA_PASSWORD"}},
		{"a variable that is not set", "mechanism: SCRAM-SHA-256\nuser: framebeam\npassword_env: NOT_SET_ANYWHERE\n", []string{
			"3: connection: password_env: NOT_SET_ANYWHERE is not set in the environment"}},
		{"two passwords", "mechanism: SCRAM-SHA-256\nuser: framebeam\npassword_file: password\npassword_env: KAFKA_PASSWORD\n", []string{
			"4: connection: password_env: password_file is given too: use one"}},
		{"an empty password", "mechanism: SCRAM-SHA-256\nuser: framebeam\npassword_file: empty\n", []string{
			"3: connection: password_file: " + dir + "/empty does not hold one line with the password"}},
		{"a password of two lines", "mechanism: SCRAM-SHA-256\nuser: framebeam\npassword_file: two-lines\n", []string{
			"3: connection: password_file: " + dir + "/two-lines does not hold one line with the password"}},
		{"a user that SCRAM does not know how to write", "mechanism: SCRAM-SHA-256\nuser: \"a\\u0007b\"\npassword_file: password\n", []string{
			"2: connection: user: the name or the password has characters that SCRAM does not allow (RFC 4013)"}},
		{"authorities that are none", "ca_file: password\n", []string{
			"1: connection: ca_file: there is no certificate in " + dir + "/password"}},
		{"a key without its certificate", "key_file: client.key\n", []string{
			"1: connection: key_file: needs cert_file too"}},
		{"a key that is none", "cert_file: client.pem\nkey_file: password\n", []string{
			"1: connection: cert_file: tls: failed to find any PEM data in key input"}},
		{"TLS that is forbidden and needed", "tls: false\nca_file: ca.pem\n", []string{
			"1: connection: tls: is not true, but ca_file, cert_file or key_file is given"}},
		{"TLS that is neither true nor false", "\ntls: often\n", []string{
			`2: connection: tls: is "often", not true or false`}},
		{"a list", "- tls\n", []string{"1: connection is not a mapping of fields to values"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Check(write(t, path, c.text))
			if _, ok := errors.AsType[*FileError](err); !ok {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(strings.Join(c.want, "\n"), strings.ReplaceAll(err.Error(), path+":", "")); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("the error tells the password")
			}
		})
	}
	if err := Check(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error("a missing file is fine:", err)
	}
}

// FuzzParse: parsing never panics, every violation has a line of the file, and
// so has every value.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", "tls: true\nca_file: /etc/ca.pem\n", "mechanism: PLAIN\nuser: a\npassword: hunter2\n", "tls: {a: 1}\n", "user: &u hunter2\n", "- 1\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := parse(data, "/")
		for _, v := range p.bad.List() {
			if v.Line < 1 || v.Line > strings.Count(string(data), "\n")+strings.Count(string(data), "\r")+1 {
				t.Fatalf("line %d: %s", v.Line, v.Text)
			}
		}
		for name := range p.text {
			if !p.given(name) {
				t.Fatalf("%s has a value but no line", name)
			}
		}
	})
}
