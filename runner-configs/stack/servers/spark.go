package servers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// SparkMaster returns the master's address, spark://127.0.0.1:PORT.
func (s *Stack) SparkMaster() string { return "spark://" + local(s.ports.sparkMaster) }

// SparkJobOptions returns the file with the options of jobs for this Spark: the preset,
// without the jars that its executors have already.
func (s *Stack) SparkJobOptions() string { return s.path("spark-conf", "job.yaml") }

// SparkJobServer returns the address of Beam's job server in front of Spark.
func (s *Stack) SparkJobServer() string { return local(s.ports.sparkJobServer) }

func sparkWorkerName(i int) string { return fmt.Sprintf("spark-worker-%d", i+1) }

const sparkMaster = "spark-master"

func (s *Stack) sparkServers() []*server {
	// The folder of the Python package's deps is laid out as SPARK_HOME.
	home := s.artifacts.path(sparkDist) + "/deps"
	jars := home + "/jars/*"
	// command adds what Spark reads from its environment to a server's command. Without
	// the Scala version a worker guesses it from the folders of a source tree.
	command := func(name string, args ...[]string) (string, []string, []string, error) {
		path, flat, env, err := javaCommand(args...)
		return path, flat, append(env,
			"SPARK_HOME="+home, "SPARK_SCALA_VERSION="+Version("SPARK_SCALA"), "SPARK_LOCAL_IP=127.0.0.1",
			"SPARK_LOCAL_DIRS="+s.path(name, "tmp"), "SPARK_CONF_DIR="+s.path("spark-conf")), err
	}
	java := func(name, heap string, more ...string) []string {
		return slices.Concat(jvm(heap, "-Dframebeam.log=info", "-Djava.io.tmpdir="+s.path(name, "tmp"),
			"-Dlog4j2.configurationFile="+s.path("spark-conf", "log4j2.properties")), addOpens(), more)
	}
	prepare := func(name string) func(context.Context) error {
		return func(context.Context) error {
			err := writeFiles(s.path("spark-conf"), map[string]string{
				"spark-defaults.conf": s.sparkDefaults(),
				"log4j2.properties":   preset("stack/log4j2.properties"),
				"job.yaml":            s.sparkJobOptions(),
			})
			if err != nil {
				return err
			}
			temp := s.path(name, "tmp")
			if err := os.RemoveAll(temp); err != nil {
				return err
			}
			return os.MkdirAll(temp, 0o755)
		}
	}
	defaults := []string{"--properties-file", s.path("spark-conf", "spark-defaults.conf")}
	servers := []*server{{
		name:    sparkMaster,
		ports:   []port{{s.ports.sparkMaster, "master"}, {s.ports.sparkWeb, "web"}},
		prepare: prepare(sparkMaster),
		command: func() (string, []string, []string, error) {
			return command(sparkMaster, java(sparkMaster, "256m", quickStart), classpath(jars),
				[]string{"org.apache.spark.deploy.master.Master", "--host", "127.0.0.1",
					"--port", strconv.Itoa(s.ports.sparkMaster), "--webui-port", strconv.Itoa(s.ports.sparkWeb)}, defaults)
		},
		// After a restart it is of use only when the workers that run have found it again.
		ready: func(ctx context.Context) error {
			if _, err := s.aliveSparkWorkers(ctx); err != nil {
				return err
			}
			for i := range s.config.SparkWorkers {
				if name := sparkWorkerName(i); s.Pid(name) != 0 {
					if err := s.sparkWorkerReady(ctx, name); err != nil {
						return fmt.Errorf("%s: %w", name, err)
					}
				}
			}
			return nil
		},
	}}
	for i := range s.config.SparkWorkers {
		name := sparkWorkerName(i)
		servers = append(servers, &server{
			name:    name,
			prepare: prepare(name),
			command: func() (string, []string, []string, error) {
				return command(name, java(name, "256m", quickStart), classpath(jars),
					[]string{"org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "--webui-port", "0",
						"--cores", strconv.Itoa(sparkWorkerCores), "--memory", s.sparkWorkerMemory(),
						// Executors, and the Go workers that they start, run in folders of it.
						"--work-dir", s.path(name, "work")},
					defaults, []string{s.SparkMaster()})
			},
			ready: func(ctx context.Context) error { return s.sparkWorkerReady(ctx, name) },
		})
	}
	const jobServer = "spark-job-server"
	return append(servers, &server{
		name:    jobServer,
		ports:   []port{{s.ports.sparkJobServer, "jobs"}},
		prepare: prepare(jobServer),
		command: func() (string, []string, []string, error) {
			var set []string
			values := valuesOf(s.sparkDefaults(), spark)
			for _, key := range slices.Sorted(maps.Keys(values)) {
				set = append(set, "-D"+key+"="+values[key])
			}
			// One application with warm executors for all jobs, not one for each slice.
			set = append(set, "-Dbeam.spark.test.reuseSparkContext=true")
			return command(jobServer, java(jobServer, jobServerHeap, set...),
				// The runner's jars first: some of Spark's are older.
				classpath(s.artifacts.jars(sparkJobServerJars), jars),
				[]string{"org.apache.beam.runners.spark.SparkJobServerDriver", "--spark-master-url=" + s.SparkMaster()},
				s.jobServerArgs(jobServer, s.ports.sparkJobServer))
		},
		ready: func(ctx context.Context) error { return grpcAnswers(ctx, s.SparkJobServer()) },
	})
}

// sparkWorkerCores is what a worker offers: how many tasks its executor runs at once.
const sparkWorkerCores = 2

// sparkJobOptions stages one jar, since none at all means the whole class path: 386
// files, 423 MB, which each executor of each job fetches.
func (s *Stack) sparkJobOptions() string {
	runner := fmt.Sprintf("beam-runners-spark-3-%s.jar", Version("BEAM_JOB_SERVER"))
	return preset("spark/job.yaml") + "files_to_stage: [" + filepath.Join(s.artifacts.path(sparkJobServerJars), runner) + "]\n"
}

func (s *Stack) sparkDefaults() string {
	return override(preset("spark/spark-defaults.conf"), spark, merged(map[string]string{
		"spark.driver.host":        "127.0.0.1",
		"spark.driver.bindAddress": "127.0.0.1",
		// The driver's web page would take another port for every job.
		"spark.ui.enabled":      "false",
		"spark.executor.memory": "1g",
		"spark.executor.cores":  strconv.Itoa(sparkWorkerCores),
		// Before Spark's own jars, in which the runner finds a Guava that is too old.
		"spark.executor.extraClassPath": s.artifacts.jars(sparkJobServerJars),
		"spark.executor.extraJavaOptions": strings.Join(append(addOpens(),
			"-XX:+UseSerialGC", "-Djava.net.preferIPv4Stack=true",
			"-Dframebeam.log=info", "-Dlog4j2.configurationFile="+s.path("spark-conf", "log4j2.properties")), " "),
	}, s.config.SparkProperties))
}

// sparkWorkerMemory is what a worker offers: one executor's.
func (s *Stack) sparkWorkerMemory() string {
	return valuesOf(s.sparkDefaults(), spark)["spark.executor.memory"]
}

// aliveSparkWorkers asks the master for the ports of the workers that are alive.
func (s *Stack) aliveSparkWorkers(ctx context.Context) ([]int, error) {
	var answer struct {
		Status  string `json:"status"`
		Workers []struct {
			Port  int    `json:"port"`
			State string `json:"state"`
		} `json:"workers"`
	}
	if err := getJSON(ctx, "http://"+local(s.ports.sparkWeb)+"/json/", &answer); err != nil {
		return nil, err
	}
	if answer.Status != "ALIVE" {
		return nil, fmt.Errorf("the master is %s", answer.Status)
	}
	var alive []int
	for _, w := range answer.Workers {
		if w.State == "ALIVE" {
			alive = append(alive, w.Port)
		}
	}
	return alive, nil
}

// sparkWorkerReady says whether the process of that name has registered. A killed one
// counts as alive for a while, so the port must be one that this process listens on.
func (s *Stack) sparkWorkerReady(ctx context.Context, name string) error {
	alive, err := s.aliveSparkWorkers(ctx)
	if err != nil {
		return err
	}
	known, err := listensOnAny(s.Pid(name), alive)
	if err != nil {
		return err
	}
	if !known {
		return errors.New("the master has not heard of it")
	}
	return nil
}

// PySpark returns the environment, as NAME=value, in which python3 can import pyspark of
// the version that the stack runs, and read Avro files with it. It fetches it if needed; nothing has to run.
func (s *Stack) PySpark(ctx context.Context) ([]string, error) {
	return s.pySpark(ctx, sparkAvroJars)
}

// IcebergSpark is PySpark that reads Iceberg's tables, and no Avro files.
func (s *Stack) IcebergSpark(ctx context.Context) ([]string, error) {
	return s.pySpark(ctx, sparkIcebergJars)
}

func (s *Stack) pySpark(ctx context.Context, with *artifact) ([]string, error) {
	if err := s.artifacts.fetch(ctx, with); err != nil { // and with it sparkDist
		return nil, err
	}
	jars, err := filepath.Glob(filepath.Join(s.artifacts.path(with), "*.jar"))
	if err != nil {
		return nil, err
	}
	home, err := javaHome()
	if err != nil {
		return nil, err
	}
	dist := s.artifacts.path(sparkDist)
	py4j, err := filepath.Glob(filepath.Join(dist, "lib", "py4j-*-src.zip"))
	if err != nil || len(py4j) != 1 {
		return nil, fmt.Errorf("%s: one py4j expected, got %q", dist, py4j)
	}
	return []string{
		"PYTHONPATH=" + dist + ":" + py4j[0],
		"SPARK_HOME=" + filepath.Join(dist, "deps"),
		"SPARK_LOCAL_IP=127.0.0.1",
		"PYSPARK_SUBMIT_ARGS=--jars " + strings.Join(jars, ",") + " pyspark-shell",
		"JAVA_HOME=" + home,
	}, nil
}
