package servers

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The services a stack is made of.
const (
	Kafka = "kafka"
	HDFS  = "hdfs"
	Flink = "flink"
	Spark = "spark"
)

// Services are all of them, in the order in which they are named.
var Services = []string{Kafka, HDFS, Flink, Spark}

// Config says what a stack consists of. A folder has one layout (the counts and the
// ports) from its first start until it is deleted; the properties may change from one
// start of a server to the next.
type Config struct {
	// Dir holds everything that the servers write: data, logs, configuration, pid files.
	Dir string
	// Services to start, of [Services]. Default: all.
	Services []string

	Brokers      int // Kafka's: 1 (default) to 3, each a controller too
	DataNodes    int // HDFS's: 1 (default) to 3
	TaskManagers int // Flink's: default 2
	SparkWorkers int // default 2

	// BasePort is the first of [PortBlock] ports that the stack uses, see [FreePorts].
	// Default: the well-known ports of every server.
	BasePort int

	// KafkaProperties override the broker's server.properties. The values of listeners,
	// advertised.listeners and listener.security.protocol.map are appended instead: the
	// stack needs its own, which are plain.
	KafkaProperties map[string]string
	// HDFSProperties and CoreProperties override hdfs-site.xml and core-site.xml.
	HDFSProperties, CoreProperties map[string]string
	// FlinkConfig overrides config.yaml, by full dotted keys.
	FlinkConfig map[string]string
	// SparkProperties override spark-defaults.conf.
	SparkProperties map[string]string
	// Env is added to every server's environment, as NAME=value.
	Env []string

	// SharedJars is where downloaded servers are kept, for all stacks of this user.
	// Default: framebeam/servers in the user's cache folder.
	SharedJars string

	// Detach lets the servers outlive this process. Otherwise the whole stack ends when it
	// ends, however that comes about.
	Detach bool `json:"-"`
	// Progress gets a line when a server is ready or something is fetched. Default: none.
	Progress io.Writer `json:"-"`
}

// complete fills in defaults and says everything that is wrong.
func (c Config) complete() (Config, error) {
	var errs []error
	if c.Dir == "" {
		errs = append(errs, errors.New("a stack needs a folder"))
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		errs = append(errs, err)
	}
	c.Dir = dir
	if strings.ContainsAny(dir, ", \t\n%#") {
		errs = append(errs, fmt.Errorf("folder %q: the servers do not understand a path with a comma, a blank, %% or #", dir))
	}
	if len(c.Services) == 0 {
		c.Services = Services
	}
	for _, s := range c.Services {
		if !slices.Contains(Services, s) {
			errs = append(errs, fmt.Errorf("no service %q: there are %s", s, strings.Join(Services, ", ")))
		}
	}
	for _, n := range []struct {
		what            string
		value           *int
		unset, smallest int
		largest         int
	}{
		{"brokers", &c.Brokers, 1, 1, maxBrokers},
		{"datanodes", &c.DataNodes, 1, 1, maxDataNodes},
		{"taskmanagers", &c.TaskManagers, 2, 1, 16},
		{"workers", &c.SparkWorkers, 2, 1, 16},
		{"base port", &c.BasePort, 0, 0, 65536 - PortBlock},
	} {
		if *n.value == 0 {
			*n.value = n.unset
		}
		if *n.value < n.smallest || *n.value > n.largest {
			errs = append(errs, fmt.Errorf("%s: %d is not within %d to %d", n.what, *n.value, n.smallest, n.largest))
		}
	}
	if c.SharedJars == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			errs = append(errs, fmt.Errorf("no folder to keep the servers in: %w", err))
		}
		c.SharedJars = filepath.Join(cache, "framebeam", "servers")
	}
	return c, errors.Join(errs...)
}

// onto returns c as a later start of the stack that was started with old: its services
// are added, its layout must be the same or unset.
func (c Config) onto(old Config) (Config, error) {
	var errs []error
	for _, n := range []struct {
		what     string
		old, now *int
	}{
		{"brokers", &old.Brokers, &c.Brokers},
		{"datanodes", &old.DataNodes, &c.DataNodes},
		{"taskmanagers", &old.TaskManagers, &c.TaskManagers},
		{"workers", &old.SparkWorkers, &c.SparkWorkers},
		{"base port", &old.BasePort, &c.BasePort},
	} {
		if *n.now == 0 {
			*n.now = *n.old
		}
		if *n.now != *n.old {
			errs = append(errs, fmt.Errorf("%s: %d, but %s was made with %d; stop it and delete it to change that", n.what, *n.now, old.Dir, *n.old))
		}
	}
	return c, errors.Join(errs...)
}

const stateFile = "stack.json"

// readConfig reads what the stack in dir was started with; fs.ErrNotExist if none was.
func readConfig(dir string) (Config, error) {
	var c Config
	path := filepath.Join(dir, stateFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	c.Dir = dir // the folder may have been moved
	return c, nil
}

// write keeps c for [Open]. Env may hold secrets, hence the mode.
func (c Config) write() error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(c.Dir, stateFile), b, 0o600)
}

// replaceFile writes a file so that a reader sees the old one or the new one, also when
// several servers write the configuration that they share.
func replaceFile(path string, b []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}
