package servers

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// artifact is something that is fetched: jars by Maven, or a distribution that is
// published as a Python package.
type artifact struct {
	name string
	// pom is the file, beside versions, whose dependencies are taken.
	pom string
	// pip is the requirement, and keep the folders of the package that are kept.
	pip  string
	keep []string
	// without lists patterns of jars that must not be there.
	without []string
	// provided is a distribution whose jars win over jars of the same name.
	provided *artifact
}

var (
	kafkaJars = &artifact{name: "kafka", pom: "stack/kafka.pom.xml"}
	hdfsJars  = &artifact{name: "hdfs", pom: "stack/hdfs.pom.xml"}

	flinkDist = &artifact{name: "flink", pip: "apache-flink-libraries==${FLINK}", keep: []string{"deps/lib/"}}
	sparkDist = &artifact{name: "spark", pip: "pyspark==${SPARK}", keep: []string{"deps/jars/", "deps/bin/", "pyspark/", "lib/"}}

	flinkJobServerJars = &artifact{name: "flink-job-server", pom: "stack/flink-job-server.pom.xml", without: beamExtras}
	sparkJobServerJars = &artifact{name: "spark-job-server", pom: "stack/spark-job-server.pom.xml", without: beamExtras, provided: sparkDist}
	sparkAvroJars      = &artifact{name: "spark-avro", pom: "stack/spark-avro.pom.xml", provided: sparkDist}
	sparkIcebergJars   = &artifact{name: "spark-iceberg", pom: "stack/spark-iceberg.pom.xml", provided: sparkDist}
)

// beamExtras come with the job service and are as old as it: the harness has a
// DoFnRunners of its own, with which streaming jobs die of NoSuchMethodError. The
// expansion service refers to the harness and is not needed for Go.
var beamExtras = []string{"beam-sdks-java-harness-*.jar", "beam-sdks-java-expansion-service-*.jar"}

// needs are the artifacts of each service.
var needs = map[string][]*artifact{
	Kafka: {kafkaJars},
	HDFS:  {hdfsJars},
	Flink: {flinkDist, flinkJobServerJars},
	Spark: {sparkDist, sparkJobServerJars},
}

// versions are the file of that name.
var versions = sync.OnceValue(func() map[string]string {
	return valuesOf(preset("stack/versions"), properties)
})

// Version returns the version of something that is downloaded, by its name in the file
// versions; it panics if there is none.
func Version(name string) string {
	v, ok := versions()[name]
	if !ok {
		panic("servers: no version of " + name)
	}
	return v
}

// recipe is all that decides what an artifact consists of.
func (a *artifact) recipe() string {
	text := a.pip
	if a.pom != "" {
		text = preset(a.pom)
	}
	text = os.Expand(text, Version)
	parts := []string{text, strings.Join(a.keep, " "), strings.Join(a.without, " ")}
	if a.provided != nil {
		parts = append(parts, a.provided.recipe())
	}
	return strings.Join(parts, "\n")
}

// artifacts is the folder in which they are kept. A folder in it is named by its recipe
// and appears when it is complete.
type artifacts struct {
	dir      string
	progress io.Writer
}

func (as artifacts) path(a *artifact) string {
	return filepath.Join(as.dir, fmt.Sprintf("%s-%.4x", a.name, sha256.Sum256([]byte(a.recipe()))))
}

// jars is the class path of an artifact's jars.
func (as artifacts) jars(a *artifact) string { return filepath.Join(as.path(a), "*") }

func (as artifacts) say(format string, args ...any) {
	if as.progress != nil {
		fmt.Fprintf(as.progress, format+"\n", args...)
	}
}

func (as artifacts) fetchFor(ctx context.Context, servers []*server) error {
	for _, service := range Services {
		if !slices.ContainsFunc(servers, func(sv *server) bool { return sv.service == service }) {
			continue
		}
		for _, a := range needs[service] {
			if err := as.fetch(ctx, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// fetch makes an artifact available; nothing happens if it is.
func (as artifacts) fetch(ctx context.Context, a *artifact) error {
	target := as.path(a)
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	if a.provided != nil {
		if err := as.fetch(ctx, a.provided); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(as.dir, 0o755); err != nil {
		return err
	}
	// Two processes may fetch the same: the first rename wins, the other's is dropped.
	tmp, err := os.MkdirTemp(as.dir, "fetching-"+a.name+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	as.say("fetching %s", a.name)
	out := filepath.Join(tmp, "out")
	if a.pom != "" {
		err = a.maven(ctx, tmp, out)
	} else {
		err = a.python(ctx, tmp, out)
	}
	if err != nil {
		return fmt.Errorf("fetching %s: %w", a.name, err)
	}
	if err := a.prune(out, as); err != nil {
		return fmt.Errorf("fetching %s: %w", a.name, err)
	}
	if err := os.Rename(out, target); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// maven copies the dependencies of the pom.
func (a *artifact) maven(ctx context.Context, tmp, out string) error {
	pom := filepath.Join(tmp, "pom.xml")
	if err := os.WriteFile(pom, []byte(os.Expand(preset(a.pom), Version)), 0o644); err != nil {
		return err
	}
	path, err := exec.LookPath("mvn")
	if err != nil {
		return fmt.Errorf("%w: scripts/deps.sh engines installs it", err)
	}
	_, err = run(exec.CommandContext(ctx, path, "-B", "-q", "-f", pom,
		"org.apache.maven.plugins:maven-dependency-plugin:"+Version("MAVEN_DEPENDENCY_PLUGIN")+":copy-dependencies",
		"-DincludeScope=runtime", "-DoutputDirectory="+out))
	return err
}

// python downloads the source archive of a package and unpacks what is kept of it.
func (a *artifact) python(ctx context.Context, tmp, out string) error {
	path, err := exec.LookPath("python3")
	if err != nil {
		return fmt.Errorf("%w: scripts/deps.sh engines installs it", err)
	}
	_, err = run(exec.CommandContext(ctx, path, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", tmp, os.Expand(a.pip, Version)))
	if err != nil {
		return err
	}
	found, err := filepath.Glob(filepath.Join(tmp, "*.tar.gz"))
	if err != nil || len(found) != 1 {
		return fmt.Errorf("%s: one archive expected, got %q", a.pip, found)
	}
	return unpack(found[0], out, a.keep)
}

// unpack unpacks the files of a .tar.gz that lie in the given folders of its only top
// folder.
func unpack(archive, out string, keep []string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(out) // nothing gets out of it, whatever the archive says
	if err != nil {
		return err
	}
	defer root.Close()
	files := tar.NewReader(z)
	for {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", archive, err)
		}
		_, name, _ := strings.Cut(h.Name, "/")
		wanted := slices.ContainsFunc(keep, func(dir string) bool { return strings.HasPrefix(name, dir) })
		if h.Typeflag != tar.TypeReg || !wanted {
			continue
		}
		if err := unpackFile(root, name, h.FileInfo().Mode().Perm(), files); err != nil {
			return fmt.Errorf("%s: %w", archive, err)
		}
	}
}

func unpackFile(root *os.Root, name string, mode os.FileMode, content io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	w, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode|0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, content)
	return errors.Join(err, w.Close())
}

// prune deletes the jars that must not be there.
func (a *artifact) prune(dir string, as artifacts) error {
	var remove []string
	for _, pattern := range a.without {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		remove = append(remove, found...)
	}
	if a.provided != nil {
		jars, err := os.ReadDir(filepath.Join(as.path(a.provided), "deps", "jars"))
		if err != nil {
			return err
		}
		for _, jar := range jars {
			remove = append(remove, filepath.Join(dir, jar.Name()))
		}
	}
	for _, path := range remove {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
