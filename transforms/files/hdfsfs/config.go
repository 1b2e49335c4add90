package hdfsfs

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/colinmarc/hdfs/v2"
	"github.com/colinmarc/hdfs/v2/hadoopconf"
)

// Defaults of Config.
const (
	DefaultClients = 4
	DefaultTimeout = time.Minute
	// DefaultPatience is longer than Hadoop takes by default to declare a
	// DataNode dead, 10.5 minutes.
	DefaultPatience = 12 * time.Minute
)

// Config says how to reach clusters. The zero value of every field is its default.
type Config struct {
	Hadoop      hadoopconf.HadoopConf // properties of core-site.xml and hdfs-site.xml
	User        string                // without Kerberos
	Replication int                   // 0: the NameNode's default
	BlockSize   int64                 // bytes; 0: the NameNode's default
	Clients     int                   // connections to a NameNode, at most
	Timeout     time.Duration         // how long a connection may stand still
	Patience    time.Duration         // how long what may pass is tried again
	Kerberos    Kerberos
	Protection  string // of data: authentication, integrity or privacy; "": as Hadoop says
	Dial        DialFunc
}

// Variables are the names of the environment variables that [FromEnvironment] reads, but
// for HADOOP_HOME, which is each machine's own. None of them holds a secret.
var Variables = []string{
	"HADOOP_CONF_DIR", "HADOOP_USER_NAME", "KRB5_CONFIG", "KRB5CCNAME",
	"FRAMEBEAM_HDFS_REPLICATION", "FRAMEBEAM_HDFS_BLOCK_SIZE", "FRAMEBEAM_HDFS_CLIENTS", "FRAMEBEAM_HDFS_TIMEOUT", "FRAMEBEAM_HDFS_PATIENCE",
	"FRAMEBEAM_HDFS_KEYTAB", "FRAMEBEAM_HDFS_PRINCIPAL", "FRAMEBEAM_HDFS_NAMENODE_PRINCIPAL", "FRAMEBEAM_HDFS_PROTECTION",
}

// FromEnvironment reads the configuration that the package's documentation
// describes. The error lists every violation.
func FromEnvironment() (Config, error) {
	var cfg Config
	var errs []error
	note := func(name string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s=%s: %w", name, os.Getenv(name), err))
		}
	}
	var err error
	cfg.Hadoop, err = loadHadoop()
	if err != nil {
		errs = append(errs, err)
	}
	integer := func(name string, low, high int64) int64 {
		v := os.Getenv(name)
		if v == "" {
			return 0
		}
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < low || n > high {
			note(name, fmt.Errorf("not a number from %d to %d", low, high))
		}
		return n
	}
	duration := func(name string) time.Duration {
		v := os.Getenv(name)
		if v == "" {
			return 0
		}
		d, err := time.ParseDuration(v)
		if err != nil || d <= 0 {
			note(name, errors.New("not a duration such as 90s or 10m"))
		}
		return d
	}
	cfg.Replication = int(integer("FRAMEBEAM_HDFS_REPLICATION", 1, 512))
	cfg.BlockSize = integer("FRAMEBEAM_HDFS_BLOCK_SIZE", 512, 1<<40)
	if cfg.BlockSize%512 != 0 {
		note("FRAMEBEAM_HDFS_BLOCK_SIZE", errors.New("not a multiple of 512"))
	}
	cfg.Clients = int(integer("FRAMEBEAM_HDFS_CLIENTS", 1, 256))
	cfg.Timeout = duration("FRAMEBEAM_HDFS_TIMEOUT")
	cfg.Patience = duration("FRAMEBEAM_HDFS_PATIENCE")
	cfg.Protection = os.Getenv("FRAMEBEAM_HDFS_PROTECTION")
	switch cfg.Protection {
	case "", hdfs.DataTransferProtectionAuthentication, hdfs.DataTransferProtectionIntegrity, hdfs.DataTransferProtectionPrivacy:
	default:
		note("FRAMEBEAM_HDFS_PROTECTION", errors.New("not authentication, integrity or privacy"))
	}
	if cfg.Kerberos, err = kerberosFromEnvironment(cfg.Hadoop); err != nil {
		errs = append(errs, err)
	}
	if cfg.User = os.Getenv("HADOOP_USER_NAME"); cfg.User == "" && !cfg.Kerberos.On {
		u, err := user.Current()
		if err != nil {
			errs = append(errs, fmt.Errorf("no HADOOP_USER_NAME: %w", err))
		} else {
			cfg.User = u.Username
		}
	}
	if err := errors.Join(errs...); err != nil {
		return Config{}, fmt.Errorf("configuration of HDFS: %w", err)
	}
	return cfg, nil
}

func loadHadoop() (hadoopconf.HadoopConf, error) {
	dir := os.Getenv("HADOOP_CONF_DIR")
	if dir == "" {
		home := os.Getenv("HADOOP_HOME")
		if home == "" {
			return nil, nil
		}
		dir = filepath.Join(home, "etc", "hadoop")
	}
	conf, err := hadoopconf.Load(dir)
	if err != nil {
		return nil, fmt.Errorf("Hadoop configuration %s: %w", dir, err) //nolint:staticcheck // a name
	}
	if conf == nil && os.Getenv("HADOOP_CONF_DIR") != "" {
		return nil, fmt.Errorf("HADOOP_CONF_DIR=%s: neither core-site.xml nor hdfs-site.xml", dir)
	}
	return conf, nil
}

func (c Config) withDefaults() Config {
	if c.Clients == 0 {
		c.Clients = DefaultClients
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Patience == 0 {
		c.Patience = DefaultPatience
	}
	return c
}

// defaultPort is that of a NameNode's RPC since Hadoop 3.0.1.
const defaultPort = "8020"

// split parts hdfs://authority/path into both.
func split(name string) (authority, path string, err error) {
	rest, ok := strings.CutPrefix(name, Scheme+"://")
	if !ok {
		return "", "", fmt.Errorf("%q does not begin with %s://", name, Scheme)
	}
	authority, path, _ = strings.Cut(rest, "/")
	return authority, "/" + path, nil
}

// namenodes returns the RPC addresses, host:port, of an authority; "" is that of
// fs.defaultFS.
func (c *Config) namenodes(authority string) ([]string, error) {
	if authority == "" {
		fs := c.Hadoop["fs.defaultFS"]
		if fs == "" {
			fs = c.Hadoop["fs.default.name"]
		}
		if fs == "" {
			return nil, errors.New("hdfs:///… needs fs.defaultFS in a Hadoop configuration: is HADOOP_CONF_DIR set?")
		}
		var err error
		if authority, _, err = split(fs); err != nil {
			return nil, fmt.Errorf("fs.defaultFS: %w", err)
		}
		if authority == "" {
			return nil, fmt.Errorf("fs.defaultFS: %q names no NameNode", fs)
		}
	}
	ids := []string{""}
	if list, ok := c.Hadoop["dfs.ha.namenodes."+authority]; ok {
		ids = nil
		for _, id := range strings.Split(list, ",") {
			ids = append(ids, "."+strings.TrimSpace(id))
		}
	}
	var addrs []string
	for _, id := range ids {
		key := "dfs.namenode.rpc-address." + authority + id
		addr := strings.TrimSpace(c.Hadoop[key])
		switch {
		case addr == "" && id != "":
			return nil, fmt.Errorf("the Hadoop configuration has no %s", key)
		case addr == "":
			addr = authority
		case strings.Contains(addr, "${"):
			return nil, fmt.Errorf("%s=%s: variables are not understood", key, addr)
		}
		if !strings.Contains(addr, ":") {
			addr += ":" + defaultPort
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}
