// Package containers_test keeps compose.yaml and the Dockerfile in step with the
// programs, presets and documents that they name, without a container engine.
package containers_test

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/cli"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/ingest/config"
)

const root = "../.."

type service struct {
	Image       string
	Build       struct{ Target string }
	Command     []string
	Volumes     []string
	Ports       []string
	Profiles    []string
	Environment map[string]string
}

// services are those of compose.yaml, with the defaults of its variables.
func services(t *testing.T) map[string]service {
	var file struct{ Services map[string]service }
	text := defaults.ReplaceAllString(read(t, "runner-configs/compose.yaml"), "$2")
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Services) == 0 {
		t.Fatal("no services in compose.yaml")
	}
	return file.Services
}

// defaults matches ${NAME:-default}.
var defaults = regexp.MustCompile(`\$\{([A-Z_]+):-([^}]*)\}`)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	stageLine   = regexp.MustCompile(`(?m)^FROM (\S+) AS (\S+)$`)
	opencvLine  = regexp.MustCompile(`(?m)^\s+(libopencv-\S+406)\b`)
	programLine = regexp.MustCompile(`/out/(\w+)`)
)

func TestImagesAreOfAVersion(t *testing.T) {
	stages := map[string]bool{}
	for _, m := range stageLine.FindAllStringSubmatch(read(t, "Dockerfile"), -1) {
		image, name := m[1], m[2]
		if !stages[image] && !hasTag(image) {
			t.Errorf("Dockerfile: FROM %s has no tag", image)
		}
		stages[name] = true
	}
	for name, s := range services(t) {
		if !hasTag(s.Image) {
			t.Errorf("compose.yaml: image %q of %s has no tag", s.Image, name)
		}
		if own := strings.HasPrefix(s.Image, "framebeam/"); own != (s.Build.Target != "") {
			t.Errorf("compose.yaml: %s has image %s and build target %q", name, s.Image, s.Build.Target)
		}
		if s.Build.Target != "" && !stages[s.Build.Target] {
			t.Errorf("compose.yaml: %s is built from target %s, which the Dockerfile does not have", name, s.Build.Target)
		}
	}
}

func hasTag(image string) bool {
	_, tag, ok := strings.Cut(image, ":")
	return ok && tag != "" && tag != "latest"
}

func TestVersionsAreThoseOfTheLocalStack(t *testing.T) {
	want := map[string]string{}
	for line := range strings.Lines(read(t, "runner-configs/stack/versions")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(line, "#") {
			want[name+"_VERSION"] = value
		}
	}
	compose := read(t, "runner-configs/compose.yaml")
	for _, m := range defaults.FindAllStringSubmatch(compose, -1) {
		if name, value := m[1], m[2]; name != "FRAMEBEAM_VERSION" && value != want[name] {
			t.Errorf("compose.yaml: %s is %s, want %s", name, value, want[name])
		}
	}
	for _, m := range regexp.MustCompile(`job_server:([0-9.]+)`).FindAllStringSubmatch(read(t, "docs/deploy.md"), -1) {
		if m[1] != want["BEAM_JOB_SERVER_VERSION"] {
			t.Errorf("deploy.md: a job server %s, want %s", m[1], want["BEAM_JOB_SERVER_VERSION"])
		}
	}
	if !strings.Contains(read(t, "README.md"), "job servers "+want["BEAM_JOB_SERVER_VERSION"]+",") {
		t.Errorf("README.md: the job servers are not those of %s", want["BEAM_JOB_SERVER_VERSION"])
	}
	dockerfile := read(t, "Dockerfile")
	for _, name := range []string{"FLINK_VERSION", "SPARK_VERSION"} {
		if !strings.Contains(dockerfile, "ARG "+name+"="+want[name]+"\n") {
			t.Errorf("Dockerfile: %s is not %s", name, want[name])
		}
	}
	if line := want["FLINK_LINE_VERSION"]; !strings.Contains(compose, "apache/beam_flink"+line+"_job_server:") {
		t.Errorf("compose.yaml: the job server is not that of Flink %s", line)
	}
}

// The programs are linked with the libraries that this test is linked with.
func TestRuntimeHasTheLibrariesThatProgramsAreLinkedWith(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := elf.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	libraries, err := binary.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, l := range libraries {
		if module, version, ok := strings.Cut(strings.TrimPrefix(l, "libopencv_"), ".so."); ok && strings.HasPrefix(l, "libopencv_") {
			want = append(want, "libopencv-"+module+version)
		}
	}
	slices.Sort(want)
	var got []string
	for _, m := range opencvLine.FindAllStringSubmatch(read(t, "Dockerfile"), -1) {
		got = append(got, m[1])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("OpenCV's packages in the Dockerfile (-want +got):\n%s", diff)
	}
}

func TestBuildPackagesAreThoseThatAreInstalledForABuild(t *testing.T) {
	build, _, _ := strings.Cut(read(t, "Dockerfile"), "COPY --from=go")
	_, build, _ = strings.Cut(build, "--no-install-recommends \\\n")
	list := regexp.MustCompile(`packages="([^$"]*)"`).FindStringSubmatch(read(t, "scripts/deps.sh"))
	if list == nil {
		t.Fatal("scripts/deps.sh: no list of packages")
	}
	want := slices.DeleteFunc(strings.Fields(list[1]), func(p string) bool { return p == "opencv-doc" }) // sample videos
	slices.Sort(want)
	got := strings.Fields(strings.ReplaceAll(build, "\\", ""))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packages of the build stage (-want +got):\n%s", diff)
	}
}

func TestEveryProgramInAnImageIsBuilt(t *testing.T) {
	dockerfile := read(t, "Dockerfile")
	programs := programLine.FindAllStringSubmatch(dockerfile, -1)
	if len(programs) == 0 {
		t.Error("Dockerfile: no program is copied")
	}
	for _, m := range programs {
		dir := "cmd/" + m[1]
		if _, err := os.Stat(filepath.Join(root, dir, "main.go")); err != nil {
			t.Errorf("Dockerfile: %s: %v", m[0], err)
		}
		if !strings.Contains(dockerfile, "./"+dir) {
			t.Errorf("Dockerfile: %s is copied, but %s is not built", m[0], dir)
		}
	}
}

func TestProgramsKnowTheFlagsThatTheyAreStartedWith(t *testing.T) {
	seen := map[string]bool{}
	for name, s := range services(t) {
		var args []string
		want, code := "", program.Done
		switch {
		case s.Build.Target == "collector":
			args = append([]string{"ingest"}, s.Command...)
			args = append(args, "--help") // it reads the flags before: the file with the cameras is in a container
		case s.Build.Target == "pipelines" && s.Command[0] == "analyze":
			// What is wrong is all that is wrong.
			args = append(slices.Clone(s.Command), "unexpected")
			want, code = "unexpected argument \"unexpected\"\n", program.Usage
		default:
			continue
		}
		seen[args[0]] = true
		var stderr bytes.Buffer
		if got := program.Run(t.Context(), cli.New(), args, io.Discard, &stderr); got != code || stderr.String() != want {
			t.Errorf("%s: exit code %d\n%s", name, got, &stderr)
		}
	}
	if !seen["ingest"] || !seen["analyze"] {
		t.Errorf("only %v are started", seen)
	}
}

func TestSampleCamerasAreValid(t *testing.T) {
	if _, err := config.Load("cameras.yaml", config.CloudEvents); err != nil {
		t.Error(err)
	}
}

func TestMountedFilesExistAndAreReadOnly(t *testing.T) {
	for name, s := range services(t) {
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if !strings.HasPrefix(source, ".") {
				continue // a named volume
			}
			if !strings.HasSuffix(v, ":ro") {
				t.Errorf("%s: %s can be written", name, v)
			}
			if _, err := os.Stat(filepath.Join("..", source)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestPublishedPortsAreLocalAndDocumented(t *testing.T) {
	doc := read(t, "docs/deploy.md")
	for name, s := range services(t) {
		for _, p := range s.Ports {
			host, rest, _ := strings.Cut(p, ":")
			port, _, _ := strings.Cut(rest, ":")
			if host != "127.0.0.1" {
				t.Errorf("%s: port %s is open to other machines", name, p)
			}
			if !strings.Contains(doc, "`localhost:"+port+"`") {
				t.Errorf("%s: localhost:%s is not in docs/deploy.md", name, port)
			}
		}
	}
}

func TestMemoryIsThatOfThePresets(t *testing.T) {
	s := services(t)
	values := map[string]any{}
	if err := yaml.Unmarshal([]byte(read(t, "runner-configs/flink/config.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	heap := 0 // in MiB
	for _, part := range []string{"framework", "task"} {
		key := "taskmanager.memory." + part + ".heap.size"
		n, err := strconv.Atoi(strings.TrimSuffix(fmt.Sprint(values[key]), "m"))
		if err != nil {
			t.Fatalf("flink/config.yaml: %s: %v", key, err)
		}
		heap += n
	}
	if want := fmt.Sprintf("-Xmx%dm", heap); !slices.Contains(s["taskmanager"].Command, want) {
		t.Errorf("a TaskManager is started with %q, and not %s as flink/config.yaml has it", s["taskmanager"].Command, want)
	}
	executor := regexp.MustCompile(`(?m)^spark\.executor\.memory (\S+)$`).FindStringSubmatch(read(t, "runner-configs/spark/spark-defaults.conf"))
	worker := s["spark-worker"].Command
	if i := slices.Index(worker, "--memory"); executor == nil || worker[i+1] != executor[1] {
		t.Errorf("a Spark worker, %q, does not offer the memory of one executor, %v", worker, executor)
	}
}
