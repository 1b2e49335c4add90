//go:build engines

package engines

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"

	"github.com/framebeam/framebeam/runner-configs/stack/servers"
	"github.com/framebeam/framebeam/runner-configs/stack/servers/serverstest"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
)

// The passwords of the tests. They must turn up nowhere.
const (
	passwordOfPlain = "nJ7-plain-secret"
	passwordOfScram = "nJ7-scram-secret"
	passwordChanged = "nJ7-other-secret"
	secretsBegin    = "nJ7-"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.cert, a.key = certify(t, nil, &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotAfter: time.Now().Add(time.Hour),
	})
	return a
}

// issue makes a certificate for a name and addresses that has expired at that time.
func (a *authority) issue(t *testing.T, name string, end time.Time, hosts ...string) (cert, key string) {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: end,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	c, k := certify(t, a, template)
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return encodePEM("CERTIFICATE", c.Raw), encodePEM("PRIVATE KEY", der)
}

func (a *authority) pem() string { return encodePEM("CERTIFICATE", a.cert.Raw) }

func certify(t *testing.T, by *authority, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		t.Fatal(err)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// writeFile replaces a file at once, as whoever renews certificates should.
func writeFile(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// The listeners of the secured broker, each on a port of its own.
const (
	users    = "USERS"    // TLS, and a user with PLAIN or SCRAM
	bare     = "BARE"     // a user, without TLS
	mutual   = "MUTUAL"   // TLS with a client's certificate
	changing = "CHANGING" // TLS with a client's certificate, and a user: all of it is changed
	expired  = "EXPIRED"  // TLS with a certificate that has expired
	other    = "OTHER"    // TLS with a certificate of another name
	unknown  = "UNKNOWN"  // TLS with a certificate of another authority
)

// secured is a broker with every kind of listener. Its plain listener is for its
// administrator; everyone else may do only what they are allowed to.
type secured struct {
	*servers.Stack
	dir    string
	ca     *authority
	admin  *kafka.Client
	listen map[string]string
	said   []*job
}

func startSecured(t *testing.T) *secured {
	t.Helper()
	base, err := servers.FreePorts()
	if err != nil {
		t.Fatal(err)
	}
	s := &secured{dir: t.TempDir(), ca: newAuthority(t), listen: map[string]string{}}
	later, ago := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	p := map[string]string{
		"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":           "User:ANONYMOUS",
	}
	var addresses, kinds []string
	for i, l := range []struct {
		name, kind string
		ca         *authority
		end        time.Time
		host       string
	}{
		{users, "SASL_SSL", s.ca, later, "127.0.0.1"},
		{bare, "SASL_PLAINTEXT", nil, later, ""},
		{mutual, "SSL", s.ca, later, "127.0.0.1"},
		{changing, "SASL_SSL", s.ca, later, "127.0.0.1"},
		{expired, "SSL", s.ca, ago, "127.0.0.1"},
		{other, "SSL", s.ca, later, "broker.example"},
		{unknown, "SSL", newAuthority(t), later, "127.0.0.1"},
	} {
		s.listen[l.name] = fmt.Sprintf("127.0.0.1:%d", base+servers.PortsForTests+i)
		addresses = append(addresses, l.name+"://"+s.listen[l.name])
		kinds = append(kinds, l.name+":"+l.kind)
		prefix := "listener.name." + strings.ToLower(l.name) + "."
		if strings.HasPrefix(l.kind, "SASL") {
			p[prefix+"sasl.enabled.mechanisms"] = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
			p[prefix+"plain.sasl.jaas.config"] = fmt.Sprintf(`org.apache.kafka.common.security.plain.PlainLoginModule required user_plain="%s";`, passwordOfPlain)
			for _, m := range []string{"256", "512"} {
				p[prefix+"scram-sha-"+m+".sasl.jaas.config"] = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
			}
		}
		if l.ca != nil {
			s.identify(t, l.name, l.ca, l.end, l.host)
			p[prefix+"ssl.keystore.type"], p[prefix+"ssl.keystore.location"] = "PEM", s.file(l.name+".keystore")
			p[prefix+"ssl.truststore.type"], p[prefix+"ssl.truststore.location"] = "PEM", s.file(l.name+".truststore")
		}
		if l.name == mutual || l.name == changing {
			p[prefix+"ssl.client.auth"] = "required"
		}
	}
	p["listeners"], p["advertised.listeners"] = strings.Join(addresses, ","), strings.Join(addresses, ",")
	p["listener.security.protocol.map"] = strings.Join(kinds, ",")
	s.Stack = serverstest.Up(t, servers.Config{Services: []string{servers.Kafka}, BasePort: base, KafkaProperties: p})
	s.admin = &kafka.Client{Addr: kafka.TCP(s.Brokers()...), Timeout: 30 * time.Second, Transport: &kafka.Transport{}}
	s.setPassword(t, "scram", passwordOfScram)
	return s
}

func (s *secured) file(name string) string { return filepath.Join(s.dir, name) }

// identify gives a listener a certificate and the authority of its clients.
func (s *secured) identify(t *testing.T, listener string, ca *authority, end time.Time, host string) {
	t.Helper()
	cert, key := ca.issue(t, "broker", end, host)
	writeFile(t, s.file(listener+".keystore"), key+cert)
	writeFile(t, s.file(listener+".truststore"), ca.pem())
}

// setPassword makes a user, or changes its password, for both SCRAM mechanisms.
func (s *secured) setPassword(t *testing.T, user, password string) {
	t.Helper()
	for mechanism, h := range map[kafka.ScramMechanism]func() hash.Hash{kafka.ScramMechanismSha256: sha256.New, kafka.ScramMechanismSha512: sha512.New} {
		salt := []byte(rand.Text())
		salted, err := pbkdf2.Key(h, password, salt, 4096, h().Size())
		if err != nil {
			t.Fatal(err)
		}
		// One at a time: a request may name a user only once. A broker that was just
		// started anew refuses for a while, and connections from before fail.
		eventually(t, "the password of "+user+" is set", func() bool {
			resp, err := s.admin.AlterUserScramCredentials(t.Context(), &kafka.AlterUserScramCredentialsRequest{
				Upsertions: []kafka.UserScramCredentialsUpsertion{{
					Name: user, Mechanism: mechanism, Iterations: 4096, Salt: salt, SaltedPassword: salted,
				}},
			})
			if err == nil {
				for _, r := range resp.Results {
					err = errors.Join(err, r.Error)
				}
			}
			if err != nil {
				t.Logf("password of %s: %v", user, err)
			}
			return err == nil
		})
	}
}

// allow gives a user permissions on a topic, or on the cluster if it is "".
func (s *secured) allow(t *testing.T, user, topic string, ops ...kafka.ACLOperationType) {
	t.Helper()
	req := &kafka.CreateACLsRequest{}
	for _, op := range ops {
		entry := kafka.ACLEntry{
			Principal: "User:" + user, Host: "*", Operation: op, PermissionType: kafka.ACLPermissionTypeAllow,
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ResourcePatternType: kafka.PatternTypeLiteral,
		}
		if topic == "" {
			entry.ResourceType, entry.ResourceName = kafka.ResourceTypeCluster, "kafka-cluster"
		}
		req.ACLs = append(req.ACLs, entry)
	}
	resp, err := s.admin.CreateACLs(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range resp.Errors {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (s *secured) topic(t *testing.T, name string) string {
	t.Helper()
	createTopic(t, s.admin, kafka.TopicConfig{Topic: name, NumPartitions: 2, ReplicationFactor: -1})
	return name
}

// connection writes a connection file and returns the flags that use it with a
// listener, or with the administrator's if it is "".
func (s *secured) connection(t *testing.T, listener, text string) []string {
	t.Helper()
	if listener == "" {
		return []string{"--brokers=" + strings.Join(s.Brokers(), ",")}
	}
	flags := []string{"--brokers=" + s.listen[listener]}
	if text != "" {
		f, err := os.CreateTemp(s.dir, "connection-*.yaml")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		flags = append(flags, "--connection="+f.Name())
	}
	return flags
}

// start starts a command whose output is searched for secrets at the end.
func (s *secured) start(t *testing.T, command string, args ...[]string) *job {
	t.Helper()
	j := start(t, command, args...)
	s.said = append(s.said, j)
	return j
}

func (s *secured) run(t *testing.T, command string, args ...[]string) {
	t.Helper()
	j := s.start(t, command, args...)
	if code := j.wait(); code != 0 {
		t.Fatalf("%v: exit code %d\n%s", j.cmd.Args, code, j.output())
	}
}

// cameras writes a collector's configuration of generated scenes.
func cameras(t *testing.T, frames int, more string) []string {
	t.Helper()
	text := "defaults: {resize: native}\ncameras:\n"
	for i := range 3 {
		text += fmt.Sprintf("  - {id: camera-%d, source: 'scene:seed=%d&size=96x72&frames=%d&fps=10', %s}\n", i, i, frames, more)
	}
	return []string{"--config=" + writeFile(t, filepath.Join(t.TempDir(), "cameras.yaml"), text)}
}

const longAgo = "start: 2024-05-01T08:00:00Z"

// records reads a whole topic.
func records(t *testing.T, brokers []string, topic string) map[int32][]frame.Record {
	t.Helper()
	log, err := log.Open(t.Context(), log.Spec{Kind: "kafka", Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	return readLog(t, log, topic)
}

// readLog is all that a log has of a topic, by partition.
func readLog(t *testing.T, log log.Log, topic string) map[int32][]frame.Record {
	t.Helper()
	partitions, err := log.Partitions(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	all := map[int32][]frame.Record{}
	for _, p := range partitions {
		next, end, err := log.Bounds(t.Context(), chunk.Partition{Topic: topic, ID: p})
		if err != nil {
			t.Fatal(err)
		}
		for next < end {
			recs, n, err := log.Read(t.Context(), chunk.Partition{Topic: topic, ID: p}, next, end, 1<<20, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			all[p], next = append(all[p], recs...), n
		}
	}
	return all
}

// length is how many of them are frames.
func length(all map[int32][]frame.Record) (n int) {
	for _, recs := range all {
		for _, r := range recs {
			if !r.OfSource() {
				n++
			}
		}
	}
	return n
}

func TestKafkaWithTLSAndUsers(t *testing.T) {
	s := startSecured(t)
	s.ca = s.ca.writeClient(t, s, "collector")
	password := writeFile(t, s.file("password"), passwordOfScram+"\n")
	writeFile(t, s.file("plain-password"), passwordOfPlain+"\n")
	writeFile(t, s.file("wrong-password"), secretsBegin+"wrong\n")
	const (
		ca     = "ca_file: ca.pem\n"
		scram  = "user: scram\npassword_file: password\n"
		client = "cert_file: collector.pem\nkey_file: collector.key\n"
	)
	from := s.topic(t, "frames")
	s.run(t, "ingest", s.connection(t, "", ""), []string{"--topic=" + from}, cameras(t, 50, longAgo))
	plain := records(t, s.Brokers(), from)
	if length(plain) != 150 {
		t.Fatalf("%d records", length(plain))
	}
	analyze := func(t *testing.T, connection []string, more ...string) map[string]string {
		t.Helper()
		out := filepath.Join(t.TempDir(), "out")
		s.run(t, "analyze", direct(t), connection, []string{"--topic=" + from, "--output=" + out, "--chunk=32", "--until=now"}, more)
		return trial.Tree(t, out)
	}
	want := analyze(t, s.connection(t, "", ""))

	for _, way := range []struct{ name, user, listener, connection string }{
		{"a client's certificate", "CN=collector", mutual, ca + client},
		{"PLAIN", "plain", users, ca + "mechanism: PLAIN\nuser: plain\npassword_file: plain-password\n"},
		{"SCRAM-SHA-256", "scram", users, ca + "mechanism: SCRAM-SHA-256\n" + scram},
		{"SCRAM-SHA-512", "scram", users, ca + "mechanism: SCRAM-SHA-512\n" + scram},
		{"SCRAM-SHA-512 without TLS", "scram", bare, "mechanism: SCRAM-SHA-512\n" + scram},
	} {
		t.Run(way.name+" gives the same bytes", func(t *testing.T) {
			to := s.topic(t, "frames-"+strings.ReplaceAll(strings.ReplaceAll(way.name, " ", "-"), "'", ""))
			s.allow(t, way.user, to, kafka.ACLOperationTypeWrite)
			s.allow(t, way.user, from, kafka.ACLOperationTypeRead, kafka.ACLOperationTypeDescribeConfigs)
			connection := s.connection(t, way.listener, way.connection)
			s.run(t, "ingest", connection, []string{"--topic=" + to}, cameras(t, 50, longAgo))
			if d := cmp.Diff(plain, records(t, s.Brokers(), to)); d != "" {
				t.Errorf("other records than over a plain connection:\n%s", d)
			}
			trial.SameTree(t, way.name, want, analyze(t, connection))
		})
	}

	t.Run("refused", func(t *testing.T) {
		cases := []struct {
			name, listener, connection string
			code                       int
			want                       string
		}{
			{"a wrong password", users, ca + "mechanism: SCRAM-SHA-512\nuser: scram\npassword_file: wrong-password\n", 1, "the user is unknown or the password is wrong"},
			{"a wrong password with PLAIN", users, ca + "mechanism: PLAIN\nuser: plain\npassword_file: wrong-password\n", 1, "the user is unknown or the password is wrong"},
			{"an unknown user", users, ca + "mechanism: SCRAM-SHA-256\nuser: nobody\npassword_file: password\n", 1, "the user is unknown or the password is wrong"},
			{"PLAIN without TLS", bare, "mechanism: PLAIN\nuser: plain\npassword_file: plain-password\n", 2, "PLAIN sends the password as it is"},
			{"a user where none is taken", mutual, ca + client + "mechanism: SCRAM-SHA-256\n" + scram, 1, "this port of the brokers takes no users"},
			{"an expired certificate", expired, ca, 1, "the broker needs another certificate"},
			{"another name's certificate", other, ca, 1, "the broker's certificate is for other names"},
			{"another authority's certificate", unknown, ca, 1, "an authority that is not trusted"},
			{"the system's authorities", users, "tls: true\n", 1, "an authority that is not trusted"},
			{"no client's certificate", mutual, ca, 1, "the broker demands a client's certificate"},
			{"no TLS where it is needed", mutual, "", 1, "--connection, which is not given"},
			{"no user where one is needed", users, ca, 1, "one side expects TLS or a user"},
			{"TLS where there is none", bare, ca, 1, "one side expects TLS or a user"},
		}
		// All at once: where brokers hang up without a word, commands try for half a minute.
		var started [][2]*job
		for _, c := range cases {
			common := append(s.connection(t, c.listener, c.connection), "--topic="+from)
			started = append(started, [2]*job{
				s.start(t, "ingest", common, cameras(t, 1, longAgo)),
				s.start(t, "analyze", direct(t), common, []string{"--until=now", "--output=" + filepath.Join(t.TempDir(), "out")}),
			})
		}
		for i, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				for _, j := range started[i] {
					if code := j.wait(); code != c.code || !strings.Contains(j.output(), c.want) {
						t.Errorf("%v: exit code %d, want %d and %q:\n%s", j.cmd.Args, code, c.code, c.want, j.output())
					}
				}
			})
		}
	})

	t.Run("permissions", func(t *testing.T) { s.permissions(t, ca) })

	t.Run("certificates and passwords change while commands run", func(t *testing.T) { s.change(t, password, client) })

	t.Run("Flink's workers connect as the file says", func(t *testing.T) {
		connection := s.connection(t, users, ca+"mechanism: SCRAM-SHA-512\n"+scram)
		out := filepath.Join(t.TempDir(), "out")
		s.run(t, "analyze", onFlink(t), connection, []string{"--topic=" + from, "--output=" + out, "--chunk=32", "--until=now"})
		trial.SameTree(t, "Flink", want, trial.Tree(t, out))
		if shown := flinkShows(t); strings.Contains(shown, secretsBegin) {
			t.Errorf("Flink shows a secret:\n%s", shown)
		}
	})

	t.Run("secrets are said nowhere", func(t *testing.T) {
		for _, j := range s.said {
			if out := j.output(); strings.Contains(out, secretsBegin) {
				t.Errorf("%v says a secret:\n%s", j.cmd.Args, out)
			}
		}
		// Flink, its job server and its workers wrote all of these.
		err := filepath.WalkDir(stack.Dir(), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil // servers come and go
			}
			if found, err := holds(path, secretsBegin); err == nil && found {
				t.Errorf("%s holds a secret", path)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// writeClient writes the authority and a client's certificate of it for
// connection files.
func (a *authority) writeClient(t *testing.T, s *secured, name string) *authority {
	t.Helper()
	cert, key := a.issue(t, name, time.Now().Add(time.Hour))
	writeFile(t, s.file("ca.pem"), a.pem())
	writeFile(t, s.file(name+".pem"), cert)
	writeFile(t, s.file(name+".key"), key)
	return a
}

// permissions checks that what the documentation asks for is enough, and that
// without any of it there is an error that says so.
func (s *secured) permissions(t *testing.T, ca string) {
	const read, write, describe, configs, create = kafka.ACLOperationTypeRead, kafka.ACLOperationTypeWrite,
		kafka.ACLOperationTypeDescribe, kafka.ACLOperationTypeDescribeConfigs, kafka.ACLOperationTypeCreate
	for i, c := range []struct {
		name    string
		command string
		topic   []kafka.ACLOperationType
		cluster []kafka.ACLOperationType
		code    int
		want    string
	}{
		{"publishing with Write", "ingest", []kafka.ACLOperationType{write}, nil, 0, ""},
		{"publishing with Describe alone", "ingest", []kafka.ACLOperationType{describe}, nil, 1, "publishing needs Write"},
		{"publishing with nothing", "ingest", nil, nil, 1, "publishing needs Write"},
		{"creating with Create on the topic", "create", []kafka.ACLOperationType{write, create}, nil, 0, ""},
		{"creating with Create on the cluster", "create", []kafka.ACLOperationType{write}, []kafka.ACLOperationType{create}, 0, ""},
		{"creating without Create", "create", []kafka.ACLOperationType{write}, nil, 1, "creating it Create"},
		{"reading with Read and DescribeConfigs", "analyze", []kafka.ACLOperationType{read, configs}, nil, 0, ""},
		{"reading without DescribeConfigs", "analyze", []kafka.ACLOperationType{read}, nil, 1, "reading Read and DescribeConfigs"},
		{"reading without Read", "analyze", []kafka.ACLOperationType{describe, configs}, nil, 1, "reading Read and DescribeConfigs"},
		{"reading with nothing", "analyze", nil, nil, 1, "reading Read and DescribeConfigs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			user, topic := fmt.Sprint("user-", i), fmt.Sprint("permissions-", i)
			password := passwordOfScram + user
			s.setPassword(t, user, password)
			writeFile(t, s.file(user), password)
			s.allow(t, user, topic, c.topic...)
			s.allow(t, user, "", c.cluster...)
			args := [][]string{s.connection(t, users, ca+"mechanism: SCRAM-SHA-512\nuser: "+user+"\npassword_file: "+user+"\n"), {"--topic=" + topic}}
			command := c.command
			switch command {
			case "create":
				command = "ingest"
				args = append(args, []string{"--create-topic", "--partitions=2"})
			case "analyze":
				args = append(args, []string{"--runner=direct", "--until=now", "--output=" + filepath.Join(t.TempDir(), "out")})
			}
			if c.command != "create" {
				s.topic(t, topic)
			}
			if command == "ingest" {
				args = append(args, cameras(t, 2, longAgo))
			} else {
				run(t, "ingest", s.connection(t, "", ""), []string{"--topic=" + topic}, cameras(t, 2, longAgo))
			}
			j := start(t, command, args...)
			if code := j.wait(); code != c.code || !strings.Contains(j.output(), c.want) || strings.Contains(j.output(), secretsBegin) {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, c.code, c.want, j.output())
			}
			if c.code == 0 && length(records(t, s.Brokers(), topic)) != 6 {
				t.Error("the frames are not there")
			}
		})
	}
}

// change renews everything that a collector and an analysis connect with while
// they run: the brokers' certificate with its authority, the clients', the password.
func (s *secured) change(t *testing.T, password, client string) {
	topic := s.topic(t, "changing")
	s.allow(t, "scram", topic, kafka.ACLOperationTypeWrite, kafka.ACLOperationTypeRead, kafka.ACLOperationTypeDescribeConfigs)
	connection := s.connection(t, changing, "ca_file: ca.pem\nmechanism: SCRAM-SHA-512\nuser: scram\npassword_file: password\n"+client)
	// A film that begins half an hour ahead is published at its own speed.
	start := "start: " + time.Now().Add(30*time.Minute).UTC().Format(time.RFC3339)
	collector := s.start(t, "ingest", connection, []string{"--topic=" + topic}, cameras(t, 10000, start))
	out := filepath.Join(t.TempDir(), "out")
	to := []string{"--topic=" + topic, "--output=" + out, "--chunk=16"}
	follower := s.start(t, "analyze", direct(t), connection, to)
	published := func() int { return length(records(t, s.Brokers(), topic)) }
	analysed := func() int {
		if _, err := os.Stat(filepath.Join(out, "results")); err != nil {
			return 0
		}
		return len(trial.Rows(t, out))
	}
	grow := func(what string) {
		t.Helper()
		p, a := published(), analysed()
		eventually(t, what, func() bool {
			collector.alive()
			follower.alive()
			return published() > p+60 && analysed() > a+60
		})
	}
	grow("frames are published and analysed")

	s.setPassword(t, "scram", passwordChanged)
	renewed := newAuthority(t)
	s.identify(t, changing, renewed, time.Now().Add(time.Hour), "127.0.0.1")
	if err := s.Stop(t.Context(), "kafka-1"); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context(), "kafka-1"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the collector and the analysis are refused", func() bool {
		collector.alive()
		follower.alive()
		return strings.Contains(collector.output(), "cannot be written") && strings.Contains(follower.output(), "Kafka fails")
	})
	renewed.writeClient(t, s, "collector")
	// The password comes last: for a while the certificates alone are right.
	j := s.start(t, "ingest", connection, []string{"--topic=" + topic}, cameras(t, 1, longAgo))
	if code := j.wait(); code != 1 || !strings.Contains(j.output(), "the password is wrong") {
		t.Errorf("exit code %d, want a wrong password:\n%s", code, j.output())
	}
	writeFile(t, password, passwordChanged+"\n")
	grow("frames are published and analysed with the new certificates and password")

	if code := collector.interrupt(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, collector.output())
	}
	follower.interrupt()
	s.run(t, "analyze", direct(t), connection, to, []string{"--until=now"})
	once(t, trial.Rows(t, out))
	t.Logf("%d frames published, collector:\n%s", published(), collector.output())

	// What the other tests connect with.
	s.ca.writeClient(t, s, "collector")
	s.setPassword(t, "scram", passwordOfScram)
	writeFile(t, password, passwordOfScram+"\n")
}

// alive fails if the command has ended.
func (j *job) alive() {
	j.t.Helper()
	select {
	case <-j.done:
		j.t.Fatalf("%v ended:\n%s", j.cmd.Args, j.output())
	default:
	}
}

// flinkShows is all that Flink tells about its jobs.
func flinkShows(t *testing.T) string {
	t.Helper()
	get := func(path string) []byte {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, stack.FlinkREST()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var list struct {
		Jobs []struct {
			ID string `json:"id"`
		} `json:"jobs"`
	}
	if err := json.Unmarshal(get("/jobs"), &list); err != nil || len(list.Jobs) == 0 {
		t.Fatalf("%d jobs, %v", len(list.Jobs), err)
	}
	var all strings.Builder
	for _, j := range list.Jobs {
		for _, what := range []string{"", "/config", "/plan", "/exceptions", "/accumulators"} {
			all.Write(get("/jobs/" + j.ID + what))
		}
	}
	return all.String()
}

// holds reports whether a file has the text in it.
func holds(path, text string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	buf := make([]byte, 1<<20)
	keep := 0
	for {
		n, err := f.Read(buf[keep:])
		if bytes.Contains(buf[:keep+n], []byte(text)) {
			return true, nil
		}
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return false, err
		}
		end := keep + n
		keep = min(end, len(text)-1)
		copy(buf, buf[end-keep:end])
	}
}
