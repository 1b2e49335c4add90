package hdfsfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/colinmarc/hdfs/v2/hadoopconf"
)

func TestEveryViolationOfTheEnvironmentIsSaid(t *testing.T) {
	dir := t.TempDir()
	for name, v := range map[string]string{
		"HADOOP_CONF_DIR": dir, "FRAMEBEAM_HDFS_REPLICATION": "none", "FRAMEBEAM_HDFS_BLOCK_SIZE": "1000",
		"FRAMEBEAM_HDFS_CLIENTS": "0", "FRAMEBEAM_HDFS_TIMEOUT": "60", "FRAMEBEAM_HDFS_PATIENCE": "-1s",
		"FRAMEBEAM_HDFS_PROTECTION": "some", "FRAMEBEAM_HDFS_KEYTAB": "k", "FRAMEBEAM_HDFS_PRINCIPAL": "me",
	} {
		t.Setenv(name, v)
	}
	_, err := FromEnvironment()
	if err == nil {
		t.Fatal("it was accepted")
	}
	for _, name := range []string{"HADOOP_CONF_DIR", "REPLICATION=none", "BLOCK_SIZE=1000", "CLIENTS=0", "TIMEOUT=60", "PATIENCE=-1s",
		"PROTECTION=some", "PRINCIPAL=me", "NAMENODE_PRINCIPAL"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("nothing about %s in:\n%v", name, err)
		}
	}
}

func TestTheEnvironmentIsUnderstood(t *testing.T) {
	dir := t.TempDir()
	site := `<configuration><property><name>hadoop.security.authentication</name><value>kerberos</value></property>
<property><name>dfs.namenode.kerberos.principal</name><value>nn/_HOST@REALM</value></property></configuration>`
	if err := os.WriteFile(filepath.Join(dir, "core-site.xml"), []byte(site), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]string{
		"HADOOP_CONF_DIR": dir, "HADOOP_USER_NAME": "alice", "FRAMEBEAM_HDFS_REPLICATION": "2", "FRAMEBEAM_HDFS_BLOCK_SIZE": "65536",
		"FRAMEBEAM_HDFS_TIMEOUT": "5s", "KRB5CCNAME": "FILE:/tmp/cache", "KRB5_CONFIG": "",
	} {
		t.Setenv(name, v)
	}
	cfg, err := FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	want := Kerberos{On: true, Config: "/etc/krb5.conf", Cache: "/tmp/cache", NamenodePrincipal: "nn/_HOST"}
	if cfg.Kerberos != want || cfg.User != "alice" || cfg.Replication != 2 || cfg.BlockSize != 65536 || cfg.Timeout != 5*time.Second {
		t.Errorf("%+v", cfg)
	}
}

func TestNameNodesAreThoseOfTheName(t *testing.T) {
	ha := hadoopconf.HadoopConf{
		"fs.defaultFS":                      "hdfs://blue",
		"dfs.ha.namenodes.blue":             "a, b",
		"dfs.namenode.rpc-address.blue.a":   "one:9000",
		"dfs.namenode.rpc-address.blue.b":   "two",
		"dfs.ha.namenodes.torn":             "a",
		"dfs.namenode.rpc-address.red":      "three:9000",
		"dfs.namenode.rpc-address.variable": "${host}:9000",
	}
	for _, c := range []struct {
		name string
		conf hadoopconf.HadoopConf
		path string
		want []string // nil: an error
	}{
		{"a host and port", nil, "hdfs://h:9000/x", []string{"h:9000"}},
		{"a host alone", nil, "hdfs://h/x", []string{"h:8020"}},
		{"a nameservice with two NameNodes", ha, "hdfs://blue/x", []string{"one:9000", "two:8020"}},
		{"a nameservice with one", ha, "hdfs://red/x", []string{"three:9000"}},
		{"the default", ha, "hdfs:///x", []string{"one:9000", "two:8020"}},
		{"a default with a port", hadoopconf.HadoopConf{"fs.defaultFS": "hdfs://h:1/"}, "hdfs:///x", []string{"h:1"}},
		{"no default", nil, "hdfs:///x", nil},
		{"a default of another kind", hadoopconf.HadoopConf{"fs.defaultFS": "file:///"}, "hdfs:///x", nil},
		{"a NameNode without an address", ha, "hdfs://torn/x", nil},
		{"a variable", ha, "hdfs://variable/x", nil},
		{"another scheme", nil, "s3://h/x", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := New(Config{Hadoop: c.conf, User: "u"})
			cl, _, err := f.at(c.path)
			if c.want == nil {
				if err == nil {
					t.Errorf("it was accepted: %v", cl.options.Addresses)
				}
				return
			}
			if err != nil || !slices.Equal(cl.options.Addresses, c.want) {
				t.Errorf("%v, %v; want %v", cl, err, c.want)
			}
		})
	}
}

func TestAMissingKeytabIsNotTriedAgain(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "krb5.conf")
	if err := os.WriteFile(conf, []byte("[libdefaults]\n default_realm = R\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	f := New(Config{Kerberos: Kerberos{On: true, Config: conf, Keytab: filepath.Join(dir, "none"), Principal: "a@R", NamenodePrincipal: "nn/_HOST"}})
	begin := time.Now()
	if _, err := f.Size(t.Context(), "hdfs://127.0.0.1:1/x"); !errors.Is(err, fs.ErrNotExist) && (err == nil || !strings.Contains(err.Error(), "no such file")) {
		t.Error(err)
	}
	if waited := time.Since(begin); waited > 10*time.Second {
		t.Errorf("it took %v", waited)
	}
}
