//go:build engines

package engines

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/framebeam/framebeam/runner-configs/stack/servers"
	"github.com/framebeam/framebeam/runner-configs/stack/servers/serverstest"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
)

const realm = "FRAMEBEAM.TEST"

// kerberos is a key distribution centre in a folder of its own.
type kerberos struct {
	dir string
	kdc *exec.Cmd
	end chan struct{}
}

func startKerberos(t *testing.T, port int) *kerberos {
	t.Helper()
	k := &kerberos{dir: t.TempDir()}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	writeFile(t, k.file("krb5.conf"), fmt.Sprintf(`[libdefaults]
 default_realm = %[1]s
 dns_lookup_kdc = false
 dns_lookup_realm = false
 rdns = false
 udp_preference_limit = 1
[realms]
 %[1]s = {
  kdc = %[2]s
 }
[domain_realm]
 localhost = %[1]s
`, realm, address))
	writeFile(t, k.file("kdc.conf"), fmt.Sprintf(`[kdcdefaults]
 kdc_listen = %[2]s
 kdc_tcp_listen = %[2]s
[realms]
 %[1]s = {
  database_name = %[3]s/principal
  key_stash_file = %[3]s/stash
  acl_file = %[3]s/acl
  max_life = 1d
 }
`, realm, address, k.dir))
	// Everything of this test, Java too, is to look here and not at /etc/krb5.conf.
	t.Setenv("KRB5_CONFIG", k.file("krb5.conf"))
	t.Setenv("KRB5_KDC_PROFILE", k.file("kdc.conf"))
	t.Setenv("JAVA_TOOL_OPTIONS", "-Djava.security.krb5.conf="+k.file("krb5.conf"))
	k.tool(t, "", "/usr/sbin/kdb5_util", "create", "-s", "-r", realm, "-P", "master")
	k.start(t)
	t.Cleanup(k.stop)
	return k
}

func (k *kerberos) file(name string) string { return filepath.Join(k.dir, name) }

func (k *kerberos) tool(t *testing.T, input, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v (scripts/deps.sh engines installs Kerberos): %v\n%s", cmd.Args, err, out)
	}
}

func (k *kerberos) start(t *testing.T) {
	t.Helper()
	k.kdc, k.end = exec.Command("/usr/sbin/krb5kdc", "-n", "-r", realm, "-P", k.file("pid")), make(chan struct{})
	k.kdc.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := k.kdc.Start(); err != nil {
		t.Fatal(err)
	}
	go func(cmd *exec.Cmd, end chan struct{}) {
		cmd.Wait()
		close(end)
	}(k.kdc, k.end)
}

func (k *kerberos) stop() {
	k.kdc.Process.Kill()
	<-k.end
}

// principal makes a principal with a random key, again if it is there, and
// writes the key to a keytab.
func (k *kerberos) principal(t *testing.T, name, keytab string) string {
	t.Helper()
	k.tool(t, "addprinc -randkey "+name+"\nktadd -k "+k.file(keytab)+" "+name+"\n", "/usr/sbin/kadmin.local", "-r", realm)
	if _, err := os.Stat(k.file(keytab)); err != nil {
		t.Fatal(err)
	}
	return k.file(keytab)
}

// ticket gets a ticket with a keytab and puts it into a cache.
func (k *kerberos) ticket(t *testing.T, name, keytab, cache string, life time.Duration) string {
	t.Helper()
	k.tool(t, "", "kinit", "-k", "-t", k.file(keytab), "-c", k.file(cache), "-l", fmt.Sprintf("%ds", int(life.Seconds())), name)
	return k.file(cache)
}

func TestHDFSWithKerberos(t *testing.T) {
	base, err := servers.FreePorts()
	if err != nil {
		t.Fatal(err)
	}
	k := startKerberos(t, base+servers.PortsForTests)
	for _, name := range []string{"hdfs/localhost", "dn/localhost", "HTTP/localhost"} {
		k.principal(t, name, "servers.keytab")
	}
	keytab := k.principal(t, "framebeam", "framebeam.keytab")
	k.principal(t, "hdfs", "hdfs.keytab") // of the same short name as the NameNode: its administrator
	conf := servers.Config{
		Dir: t.TempDir(), Services: []string{servers.HDFS}, BasePort: base,
		CoreProperties: map[string]string{"hadoop.security.authentication": "kerberos"},
		HDFSProperties: map[string]string{
			"dfs.block.access.token.enable":             "true",
			"dfs.namenode.kerberos.principal":           "hdfs/_HOST@" + realm,
			"dfs.namenode.keytab.file":                  k.file("servers.keytab"),
			"dfs.datanode.kerberos.principal":           "dn/localhost@" + realm,
			"dfs.datanode.keytab.file":                  k.file("servers.keytab"),
			"dfs.web.authentication.kerberos.principal": "HTTP/localhost@" + realm,
			"dfs.web.authentication.kerberos.keytab":    k.file("servers.keytab"),
			// Otherwise a DataNode wants ports below 1024, or certificates for its web page.
			"ignore.secure.ports.for.testing": "true",
		},
	}
	b := trial.Start(t, film.Records(film.Config{Cameras: 2, Frames: 40, Seed: 3}))
	analyze := []string{"--runner=direct", "--brokers=" + strings.Join(b.Addrs(), ","), "--topic=" + trial.Topic, "--chunk=32", "--until=now"}
	local := filepath.Join(t.TempDir(), "local")
	run(t, "analyze", analyze, []string{"--output=" + local})
	want := trial.Tree(t, local)

	var s *servers.Stack
	var address string
	for _, level := range []struct {
		name string
		core map[string]string
		hdfs map[string]string
	}{
		{"authentication", map[string]string{"hadoop.rpc.protection": "integrity"}, map[string]string{"dfs.data.transfer.protection": "authentication"}},
		{"privacy", map[string]string{"hadoop.rpc.protection": "privacy"}, map[string]string{"dfs.data.transfer.protection": "privacy",
			"dfs.encrypt.data.transfer.cipher.suites": "AES/CTR/NoPadding"}},
	} {
		for key, v := range level.core {
			conf.CoreProperties[key] = v
		}
		for key, v := range level.hdfs {
			conf.HDFSProperties[key] = v
		}
		if s == nil {
			s = serverstest.Up(t, conf)
			_, port, err := net.SplitHostPort(strings.TrimPrefix(s.HDFS(), "hdfs://"))
			if err != nil {
				t.Fatal(err)
			}
			address = "hdfs://localhost:" + port // _HOST of the principal is a name
			t.Setenv("HADOOP_CONF_DIR", s.HadoopConf())
			t.Setenv("KRB5CCNAME", k.ticket(t, "hdfs", "hdfs.keytab", "hdfs.cache", time.Hour))
			for _, args := range [][]string{{"-mkdir", "/framebeam"}, {"-chown", "framebeam", "/framebeam"}} {
				if _, err := s.Hadoop(t.Context(), "fs", args...); err != nil {
					t.Fatal(err)
				}
			}
		} else {
			for _, name := range []string{"datanode-1", "namenode"} {
				if err := s.Stop(t.Context(), name); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := servers.Up(t.Context(), conf); err != nil {
				t.Fatal(err)
			}
		}
		t.Run(level.name, func(t *testing.T) {
			for name, env := range map[string]map[string]string{
				"keytab": {"FRAMEBEAM_HDFS_KEYTAB": keytab, "FRAMEBEAM_HDFS_PRINCIPAL": "framebeam@" + realm},
				"cache":  {"KRB5CCNAME": "FILE:" + k.ticket(t, "framebeam", "framebeam.keytab", "framebeam.cache", time.Hour)},
			} {
				t.Run(name, func(t *testing.T) {
					for variable, value := range env {
						t.Setenv(variable, value)
					}
					out := "/framebeam/" + level.name + "-" + name
					run(t, "analyze", analyze, []string{"--output=" + address + out})
					// Again, over what is there: it is read, not written.
					run(t, "analyze", analyze, []string{"--output=" + address + out})
					t.Setenv("KRB5CCNAME", k.file("hdfs.cache"))
					got := filepath.Join(t.TempDir(), "out")
					if _, err := s.Hadoop(t.Context(), "fs", "-get", out, got); err != nil {
						t.Fatal(err)
					}
					trial.SameTree(t, "read by Hadoop's shell", want, trial.Tree(t, got))
				})
			}
		})
	}

	plain := t.TempDir()
	writeFile(t, filepath.Join(plain, "core-site.xml"), "<configuration/>")
	stale := k.principal(t, "stale", "stale.keytab")
	k.principal(t, "stale", "renewed.keytab") // its key changes
	k.ticket(t, "framebeam", "framebeam.keytab", "short.cache", time.Second)
	as := func(principal, keytab string) map[string]string {
		return map[string]string{"FRAMEBEAM_HDFS_KEYTAB": keytab, "FRAMEBEAM_HDFS_PRINCIPAL": principal + "@" + realm}
	}
	for _, c := range []struct {
		name string
		env  map[string]string
		want []string
	}{
		{"no ticket", map[string]string{"KRB5CCNAME": k.file("none")}, []string{"ticket cache " + k.file("none"), "no such file"}},
		{"an expired ticket", map[string]string{"KRB5CCNAME": k.file("short.cache")}, []string{"ticket cache " + k.file("short.cache") + " holds no ticket that is valid still"}},
		{"a keytab of someone else", as("nobody", keytab), []string{"log nobody@" + realm + " in with keytab " + keytab}},
		{"a keytab with an old key", as("stale", stale), []string{"log stale@" + realm + " in with keytab " + stale, "client password/keytab incorrect"}},
		{"a keytab that is missing", as("framebeam", k.file("none")), []string{"keytab " + k.file("none"), "no such file"}},
		{"another name for the NameNode", map[string]string{"FRAMEBEAM_HDFS_NAMENODE_PRINCIPAL": "nn/_HOST",
			"FRAMEBEAM_HDFS_KEYTAB": keytab, "FRAMEBEAM_HDFS_PRINCIPAL": "framebeam@" + realm}, []string{"KDC_ERR_S_PRINCIPAL_UNKNOWN"}},
		{"a protection that the client gets wrong", map[string]string{"FRAMEBEAM_HDFS_PROTECTION": "integrity",
			"FRAMEBEAM_HDFS_KEYTAB": keytab, "FRAMEBEAM_HDFS_PRINCIPAL": "framebeam@" + realm}, []string{"data cannot be protected with integrity"}},
		{"a client without Kerberos", map[string]string{"HADOOP_CONF_DIR": plain, "FRAMEBEAM_HDFS_PATIENCE": "3s"}, []string{"a NameNode that demands Kerberos"}},
		{"a folder of someone else", as("stale", k.file("renewed.keytab")), []string{"permission denied"}},
	} {
		t.Run("refused: "+c.name, func(t *testing.T) {
			for variable, value := range c.env {
				t.Setenv(variable, value)
			}
			if strings.Contains(c.name, "expired") {
				eventually(t, "the ticket ends", func() bool { return exec.Command("klist", "-s", "-c", k.file("short.cache")).Run() != nil })
			}
			refused(t, analyze, address+"/framebeam/refused", c.want)
		})
	}

	t.Run("refused: less protection than is asked for", func(t *testing.T) {
		if err := s.Stop(t.Context(), "datanode-1"); err != nil {
			t.Fatal(err)
		}
		conf.HDFSProperties["dfs.data.transfer.protection"] = "authentication"
		if _, err := servers.Up(t.Context(), conf); err != nil {
			t.Fatal(err)
		}
		for variable, value := range as("framebeam", keytab) {
			t.Setenv(variable, value)
		}
		t.Setenv("FRAMEBEAM_HDFS_PROTECTION", "privacy")
		t.Setenv("FRAMEBEAM_HDFS_PATIENCE", "15s")
		refused(t, analyze, address+"/framebeam/refused", []string{"negotiating data protection"})
	})

	t.Run("without a key distribution centre", func(t *testing.T) {
		k.stop()
		defer k.start(t)
		for variable, value := range as("framebeam", keytab) {
			t.Setenv(variable, value)
		}
		t.Setenv("FRAMEBEAM_HDFS_PATIENCE", "3s")
		refused(t, analyze, address+"/framebeam/refused", []string{"log framebeam@" + realm + " in", "Networking_Error"})
	})
}

// refused fails unless an analysis that writes to the folder ends with an error
// that says as much.
func refused(t *testing.T, analyze []string, folder string, want []string) {
	t.Helper()
	begun := time.Now()
	j := start(t, "analyze", analyze, []string{"--output=" + folder})
	code := j.wait()
	for _, w := range want {
		if code != 1 && code != 2 || !strings.Contains(j.output(), w) {
			t.Errorf("exit code %d, want an error with %q:\n%s", code, w, j.output())
		}
	}
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("it took %v to say so", took)
	}
	t.Logf("after %.1f s: %s", time.Since(begun).Seconds(), strings.TrimSpace(j.output()))
}
