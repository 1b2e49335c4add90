package servers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// HDFS returns the file system's address, hdfs://127.0.0.1:PORT.
func (s *Stack) HDFS() string { return "hdfs://" + local(s.ports.namenode) }

// HadoopConf returns the folder with core-site.xml and hdfs-site.xml.
func (s *Stack) HadoopConf() string { return s.path("hadoop-conf") }

func datanodeName(i int) string { return fmt.Sprintf("datanode-%d", i+1) }

func (s *Stack) hdfsServers() []*server {
	// Hadoop wants its web pages in the class path, but its jars have none: /jmx works
	// without them if only the folders are there.
	web := s.path("hadoop-web")
	start := func(class string, args ...string) (string, []string, []string, error) {
		return javaCommand(jvm("256m", quickStart),
			classpath(s.HadoopConf(), web, s.artifacts.jars(hdfsJars)), []string{class}, args)
	}
	const namenode = "org.apache.hadoop.hdfs.server.namenode.NameNode"
	servers := []*server{{
		name:  "namenode",
		ports: []port{{s.ports.namenode, "file system"}, {s.ports.namenodeHTTP, "web"}},
		prepare: func(ctx context.Context) error {
			if err := s.writeHadoopConf(); err != nil {
				return err
			}
			if err := os.MkdirAll(filepath.Join(web, "webapps", "hdfs"), 0o755); err != nil {
				return err
			}
			return s.once("namenode", func(string) error {
				_, err := runJava(ctx, jvm("256m", quickStart), classpath(s.HadoopConf(), s.artifacts.jars(hdfsJars)),
					[]string{namenode, "-format", "-nonInteractive", "-clusterId", "framebeam"})
				return err
			})
		},
		command: func() (string, []string, []string, error) { return start(namenode) },
		ready: func(ctx context.Context) error {
			info, err := s.namenodeInfo(ctx)
			if err != nil {
				return err
			}
			if info.Safemode != "" {
				return fmt.Errorf("safe mode: %s", info.Safemode)
			}
			return nil
		},
	}}
	for i := range s.config.DataNodes {
		name, transfer := datanodeName(i), s.ports.dataTransfer[i]
		servers = append(servers, &server{
			name:  name,
			ports: []port{{transfer, "blocks"}, {s.ports.dataIPC[i], "ipc"}, {s.ports.dataWeb[i], "web"}},
			prepare: func(context.Context) error {
				if err := s.writeHadoopConf(); err != nil {
					return err
				}
				return os.MkdirAll(filepath.Join(web, "webapps", "datanode"), 0o755)
			},
			command: func() (string, []string, []string, error) {
				return start("org.apache.hadoop.hdfs.server.datanode.DataNode",
					"-D", "dfs.datanode.data.dir="+s.path(name, "data"),
					"-D", "dfs.datanode.address="+local(transfer),
					"-D", "dfs.datanode.ipc.address="+local(s.ports.dataIPC[i]),
					"-D", "dfs.datanode.http.address="+local(s.ports.dataWeb[i]))
			},
			ready: func(ctx context.Context) error {
				info, err := s.namenodeInfo(ctx)
				if err != nil {
					return err
				}
				if !slices.Contains(info.live, local(transfer)) {
					return fmt.Errorf("the NameNode has not heard of %s; it knows %q", local(transfer), info.live)
				}
				return nil
			},
		})
	}
	return servers
}

// writeHadoopConf writes the files that all servers of HDFS and its clients share.
func (s *Stack) writeHadoopConf() error {
	core, err := overrideXML(preset("hdfs/core-site.xml"), s.coreProperties())
	if err != nil {
		return err
	}
	site, err := overrideXML(preset("hdfs/hdfs-site.xml"), s.hdfsProperties())
	if err != nil {
		return err
	}
	return writeFiles(s.HadoopConf(), map[string]string{
		"core-site.xml":    core,
		"hdfs-site.xml":    site,
		"log4j.properties": preset("stack/log4j.properties"),
	})
}

func (s *Stack) coreProperties() map[string]string {
	return merged(map[string]string{
		"fs.defaultFS":   s.HDFS(),
		"hadoop.tmp.dir": s.path("hadoop-tmp"),
	}, s.config.CoreProperties)
}

func (s *Stack) hdfsProperties() map[string]string {
	return merged(map[string]string{
		"dfs.replication":                     strconv.Itoa(s.config.DataNodes),
		"dfs.namenode.name.dir":               s.path("namenode", "data"),
		"dfs.namenode.rpc-address":            local(s.ports.namenode),
		"dfs.namenode.http-address":           local(s.ports.namenodeHTTP),
		"dfs.datanode.data.dir":               s.path(datanodeName(0), "data"),
		"dfs.datanode.address":                local(s.ports.dataTransfer[0]),
		"dfs.datanode.ipc.address":            local(s.ports.dataIPC[0]),
		"dfs.datanode.http.address":           local(s.ports.dataWeb[0]),
		"dfs.namenode.secondary.http-address": "127.0.0.1:0",
		// A restart is over as soon as the blocks are reported.
		"dfs.namenode.safemode.extension": "0",
		// A DataNode is dead after 12 s of silence instead of 10.5 minutes, stale after 3.
		"dfs.heartbeat.interval":                  "1",
		"dfs.namenode.heartbeat.recheck-interval": "1000",
		"dfs.namenode.stale.datanode.interval":    "3000",
		// Small blocks make files of several blocks cheap.
		"dfs.namenode.fs-limits.min-block-size": "65536",
	}, s.config.HDFSProperties)
}

// namenodeInfo is what the NameNode says about itself.
type namenodeInfo struct {
	Safemode string // why it is in safe mode; empty if it is not
	live     []string
}

func (s *Stack) namenodeInfo(ctx context.Context) (namenodeInfo, error) {
	var answer struct {
		Beans []struct {
			Safemode  string
			LiveNodes string // JSON in JSON
		} `json:"beans"`
	}
	query := url.Values{"qry": {"Hadoop:service=NameNode,name=NameNodeInfo"}}
	if err := getJSON(ctx, "http://"+local(s.ports.namenodeHTTP)+"/jmx?"+query.Encode(), &answer); err != nil {
		return namenodeInfo{}, err
	}
	if len(answer.Beans) != 1 {
		return namenodeInfo{}, fmt.Errorf("the NameNode is still starting")
	}
	info := namenodeInfo{Safemode: answer.Beans[0].Safemode}
	var nodes map[string]struct {
		Address string `json:"xferaddr"`
		// LastContact is in seconds. A node that was killed stays among the live ones.
		LastContact int `json:"lastContact"`
	}
	if err := json.Unmarshal([]byte(answer.Beans[0].LiveNodes), &nodes); err != nil {
		return info, fmt.Errorf("live nodes: %w", err)
	}
	for _, n := range nodes {
		if n.LastContact <= 2 {
			info.live = append(info.live, n.Address)
		}
	}
	slices.Sort(info.live)
	return info, nil
}

// Hadoop runs one of Hadoop's shells against the stack and returns its standard output:
// "fs", "dfsadmin" or "fsck", as the hdfs command calls them, and their arguments.
func (s *Stack) Hadoop(ctx context.Context, shell string, args ...string) ([]byte, error) {
	classes := map[string]string{
		"fs":       "org.apache.hadoop.fs.FsShell",
		"dfsadmin": "org.apache.hadoop.hdfs.tools.DFSAdmin",
		"fsck":     "org.apache.hadoop.hdfs.tools.DFSck",
	}
	class, ok := classes[shell]
	if !ok {
		return nil, fmt.Errorf("no shell %q: there are fs, dfsadmin and fsck", shell)
	}
	if err := s.artifacts.fetch(ctx, hdfsJars); err != nil {
		return nil, err
	}
	out, err := runJava(ctx, jvm("256m", quickStart), classpath(s.HadoopConf(), s.artifacts.jars(hdfsJars)), []string{class}, args)
	if err != nil {
		return out, fmt.Errorf("%s %q: %w", shell, args, err)
	}
	return out, nil
}

// getJSON asks a server that may not be there yet.
func getJSON(ctx context.Context, address string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	req.Close = true // leave no connection behind
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", address, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	return nil
}
