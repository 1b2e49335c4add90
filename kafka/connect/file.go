// Package connect is what all that talks to Kafka shares: connections, the requests
// that kafka-go lacks, and what answers mean (answers.go).
//
// It connects plainly, or with TLS and a user as a connection file says. Every command
// reads the same file:
//
//	tls: true                 # encrypt, and verify brokers with the system's authorities
//	ca_file: authorities.pem  # verify with these instead; implies tls
//	cert_file: client.pem     # the client's own certificate; implies tls
//	key_file: client.key
//	mechanism: SCRAM-SHA-512  # or SCRAM-SHA-256, or PLAIN, which needs tls
//	user: framebeam
//	password_file: password   # or password_env: the name of an environment variable
//
// Every field may be left out; an empty file is a plain connection without a
// user. Relative paths start at the file's folder. Brokers' certificates are
// always verified.
//
// The file holds no secret, and a job that is sent to workers carries nothing
// but its path. It is read anew, with all that it names, for every connection:
// certificates and passwords can be changed while a program runs.
package connect

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/framebeam/framebeam/strictyaml"
)

// FileError says that a connection file, or what it names, cannot be used: a
// line "file:line: reason" for each violation.
type FileError struct{ Err error }

func (e *FileError) Error() string { return e.Err.Error() }
func (e *FileError) Unwrap() error { return e.Err }

// Check reads a connection file and what it names; the error, a *FileError,
// lists every violation. A path of "" is fine: a plain connection.
func Check(path string) error {
	_, err := read(path)
	return err
}

// CheckPasswordEnv gives the name of the environment variable with the password, if the
// connection file names one, to a function that says why it cannot be that one, "" if it
// can. The error is as that of [Check], which finds what else is wrong.
func CheckPasswordEnv(path string, wrong func(name string) string) error {
	data, err := os.ReadFile(path)
	if path == "" || err != nil {
		return nil
	}
	f := parse(data, filepath.Dir(path))
	name := f.text["password_env"]
	f.bad = strictyaml.Violations{}
	if why := wrong(name); name != "" && why != "" {
		f.wrong("password_env", "%s", why)
	}
	if err := f.bad.Err(path); err != nil {
		return &FileError{err}
	}
	return nil
}

// security is what a connection file comes to. It holds secrets, so it is made
// for one connection and not kept.
type security struct {
	tls       *tls.Config    // nil: plain
	mechanism sasl.Mechanism // nil: no user
}

func read(path string) (security, error) {
	if path == "" {
		return security{}, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return security{}, &FileError{fmt.Errorf("connection file: %w", err)}
	}
	f := parse(data, filepath.Dir(path))
	s := security{tls: f.tlsConfig(), mechanism: f.saslMechanism()}
	if err := f.bad.Err(path); err != nil {
		return security{}, &FileError{err}
	}
	return s, nil
}

// file is the content of a connection file.
type file struct {
	tls    bool
	text   map[string]string // the other fields
	lines  map[string]int    // of the fields that are given
	folder string
	bad    strictyaml.Violations
}

func parse(data []byte, folder string) *file {
	f := &file{text: map[string]string{}, folder: folder}
	fields := map[string]func(ast.Node) error{
		"tls": func(n ast.Node) (err error) { f.tls, err = strictyaml.Bool(n); return },
	}
	for _, name := range []string{"ca_file", "cert_file", "key_file", "mechanism", "user", "password_file", "password_env"} {
		fields[name] = func(n ast.Node) (err error) {
			if f.text[name], err = strictyaml.Text(n); err == nil && f.text[name] == "" {
				err = errors.New("is empty")
			}
			return err
		}
	}
	if root := f.bad.Parse(data); !strictyaml.IsNull(root) {
		f.lines = f.bad.Fields("connection", root, fields)
	}
	return f
}

func (f *file) given(name string) bool { return f.lines[name] > 0 }

// readable reports whether a field has a value, which is not so if it is given wrongly.
func (f *file) readable(name string) bool { return f.text[name] != "" }

func (f *file) wrong(name, format string, args ...any) {
	f.bad.Add(max(1, f.lines[name]), "connection: "+name+": "+format, args...)
}

// path returns a field that names a file, "" if it has no value.
func (f *file) path(name string) string {
	if path := f.text[name]; path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(f.folder, f.text[name])
}

func (f *file) encrypted() bool {
	return f.tls || f.given("ca_file") || f.given("cert_file") || f.given("key_file")
}

func (f *file) tlsConfig() *tls.Config {
	if !f.encrypted() {
		return nil
	}
	if f.given("tls") && !f.tls {
		f.wrong("tls", "is not true, but ca_file, cert_file or key_file is given")
	}
	switch cert, key := f.given("cert_file"), f.given("key_file"); {
	case cert && !key:
		f.wrong("cert_file", "needs key_file too")
	case key && !cert:
		f.wrong("key_file", "needs cert_file too")
	}
	return ClientTLS(f.path("ca_file"), f.path("cert_file"), f.path("key_file"), func(field string, err error) { f.wrong(field, "%v", err) })
}

// saslMechanism is nil for no user, and where something is wrong.
func (f *file) saslMechanism() sasl.Mechanism {
	if !f.given("mechanism") {
		for _, name := range []string{"user", "password_file", "password_env"} {
			if f.given(name) {
				f.wrong(name, "needs mechanism too")
			}
		}
		return nil
	}
	name, user := f.text["mechanism"], f.text["user"]
	switch name {
	case "", "SCRAM-SHA-256", "SCRAM-SHA-512":
	case "PLAIN":
		if !f.encrypted() {
			f.wrong("mechanism", "PLAIN sends the password as it is: use it with tls, or a SCRAM mechanism")
		}
	default:
		f.wrong("mechanism", "%q is not PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", name)
	}
	if !f.given("user") {
		f.wrong("mechanism", "needs user too")
	}
	password := f.password()
	if user == "" || password == "" {
		return nil
	}
	var m sasl.Mechanism
	var err error
	switch name {
	case "PLAIN":
		return plain.Mechanism{Username: user, Password: password}
	case "SCRAM-SHA-256":
		m, err = scram.Mechanism(scram.SHA256, user, password)
	case "SCRAM-SHA-512":
		m, err = scram.Mechanism(scram.SHA512, user, password)
	}
	if err != nil {
		// The reason may repeat what it is about.
		f.wrong("user", "the name or the password has characters that SCRAM does not allow (RFC 4013)")
	}
	return m
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// password is "" where something is wrong. Nothing that is said of it repeats
// what may be the password itself.
func (f *file) password() string {
	switch file, env := f.given("password_file"), f.given("password_env"); {
	case file && env:
		f.wrong("password_env", "password_file is given too: use one")
	case file && f.readable("password_file"):
		data, err := os.ReadFile(f.path("password_file"))
		if err != nil {
			f.wrong("password_file", "%v", err)
			return ""
		}
		password := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
		if password == "" || strings.ContainsAny(password, "\r\n\x00") {
			f.wrong("password_file", "%s does not hold one line with the password", f.path("password_file"))
			return ""
		}
		return password
	case env && f.readable("password_env"):
		name := f.text["password_env"]
		if !variable.MatchString(name) {
			f.wrong("password_env", "is not the name of an environment variable, such as KAFKA_PASSWORD")
			return ""
		}
		password := os.Getenv(name)
		if password == "" {
			f.wrong("password_env", "%s is not set in the environment", name)
		}
		return password
	case !file && !env:
		f.wrong("mechanism", "needs password_file or password_env too")
	}
	return ""
}
