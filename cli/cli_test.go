package cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
)

var rewrite = flag.Bool("rewrite", false, "write the texts of the help anew")

// run runs framebeam in this process.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return runOf(t, New(), args...)
}

func runOf(t *testing.T, c *cobra.Command, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var o, e bytes.Buffer
	code = program.Run(t.Context(), c, args, &o, &e)
	return code, o.String(), e.String()
}

// each calls do with every command that does something itself.
func each(do func(path string, c *cobra.Command)) {
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if program.Itself(c) || !c.HasSubCommands() {
			do(c.CommandPath(), c)
		}
		for _, below := range c.Commands() {
			walk(below)
		}
	}
	walk(New())
}

func TestTheHelpOfEachCommand(t *testing.T) {
	helps := map[string]string{}
	paths := []string{"framebeam", "framebeam table", "framebeam stack", "framebeam config"}
	each(func(path string, _ *cobra.Command) { paths = append(paths, path) })
	for _, path := range paths {
		code, help, stderr := run(t, append(strings.Fields(path)[1:], "--help")...)
		if code != program.Done || stderr != "" {
			t.Errorf("%s: exit code %d, %s", path, code, stderr)
		}
		helps[strings.ReplaceAll(path, " ", "-")+".txt"] = help
	}
	dir := filepath.Join("testdata", "help")
	if *rewrite {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, help := range helps {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(help), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	had := map[string]string{}
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		had[filepath.Base(file)] = string(text)
	}
	if diff := cmp.Diff(had, helps); diff != "" {
		t.Errorf("the help is another (go test ./cli -rewrite, and look at the difference):\n%s", diff)
	}
}

func TestAFlagIsTheSameInEveryCommand(t *testing.T) {
	type shown struct{ Type, Default, Usage string }
	first := map[string]shown{}
	where := map[string]string{}
	each(func(path string, c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Hidden || f.Name == "help" {
				return
			}
			s := shown{f.Value.Type(), f.DefValue, f.Usage}
			if path == "framebeam live" && f.Name == "keep" {
				s.Default = "" // what has a disk of its own to fill keeps 30 days
			}
			name := f.Name
			if g := program.Group(f); g == flags.PeriodGroup || g == eventGroup {
				name += " (" + g + ")"
			}
			if where[name] == "" {
				first[name], where[name] = s, path
			}
			if diff := cmp.Diff(first[name], s); diff != "" {
				t.Errorf("--%s of %s and of %s:\n%s", name, where[name], path, diff)
			}
		})
	})
	for _, name := range []string{"brokers", "topic", "output", "archive", "camera", "from", "until", "format"} {
		if where[name] == "" {
			t.Errorf("no command has --%s", name)
		}
	}
}

func TestFlagsOfEnginesAreShownWhereTheyAreUsed(t *testing.T) {
	var with []string
	each(func(path string, c *cobra.Command) {
		if c.Flags().Lookup("runner") != nil {
			with = append(with, strings.TrimPrefix(path, "framebeam "))
		}
		for _, of := range []string{"worker", "provision_endpoint", "dataflow_endpoint", "async"} {
			if c.Flags().Lookup(of) != nil {
				t.Errorf("%s has Beam's --%s", path, of)
			}
		}
	})
	if diff := cmp.Diff([]string{"analyze", "archive", "reprocess", "render", "storyboard", "doctor"}, with); diff != "" {
		t.Error(diff)
	}
}

func TestExitCodesAndOutputs(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	for _, c := range []struct {
		args   string
		code   int
		stdout string // its beginning
		stderr string // its beginning
	}{
		{"--help", program.Done, "Framebeam analyses", ""},
		{"help show", program.Done, "Print the results", ""},
		{"analyze -h", program.Done, "Analyse the frames", ""},
		{"", program.Usage, "", "Framebeam analyses"},
		{"--version", program.Done, "framebeam ", ""},
		{"version", program.Done, "framebeam ", ""},
		{"show --output " + nowhere, program.Failed, "", nowhere + " is no output folder"},
		{"show", program.Usage, "", "--output is missing\n"},
		{"show more --format=xml", program.Usage, "", "unexpected argument \"more\"\n--output is missing\n--format=xml: not text, jsonl or summary\n"},
		{"show --output", program.Usage, "", "flag needs an argument: --output (see framebeam show --help)\n"},
		{"similar --apart=1", program.Usage, "", "invalid argument \"1\" for \"--apart\" flag: time: missing unit in duration \"1\" (see framebeam similar --help)\n"},
		{"analyse --output out", program.Usage, "", "unknown command \"analyse\"; did you mean \"analyze\"? (see framebeam --help)\n"},
		{"fly", program.Usage, "", "unknown command \"fly\" (see framebeam --help)\n"},
		{"--quiet stack upp", program.Usage, "", "unknown command \"upp\"; did you mean \"up\"? (see framebeam stack --help)\n"},
		{"stack", program.Usage, "", "up, down or status? (see framebeam stack --help)\n"},
		{"stack status --dir " + nowhere, program.Failed, "", "stack: "},
		{"analyze --outpit=x", program.Usage, "", "unknown flag: --outpit; did you mean \"--output\"? (see framebeam analyze --help)\n"},
		{"analyze -outpit=x", program.Usage, "", "unknown flag: --outpit; did you mean \"--output\"? (see framebeam analyze --help)\n"},
		{"show --log-format=xml", program.Usage, "", "--log-format=xml: not text or json\n"},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, stdout, stderr := run(t, strings.Fields(c.args)...)
			if code != c.code || !strings.HasPrefix(stdout, c.stdout) || !strings.HasPrefix(stderr, c.stderr) ||
				c.stdout == "" && stdout != "" || c.stderr == "" && stderr != "" {
				t.Errorf("exit code %d\nstdout: %s\nstderr: %s", code, stdout, stderr)
			}
		})
	}
}

func TestEverythingWrongIsListedAtOnce(t *testing.T) {
	for args, says := range map[string]string{
		"analyze --until=tomorrow --from=someday --chunk=0 --runner=abacus --brokers=a --save-images=some --topic=a/b --poll-records=0 --events-partitions=3 more": "" +
			`unexpected argument "more"|--until=tomorrow|--from=someday|--chunk=0|abacus|"a" is not host:port|` +
			`--save-images=some|"a/b"|--poll-records=0|--events-partitions|--output is missing`,
		"reprocess --start=someday --output=out --config=nowhere.yaml":   "--from=someday|--archive is missing|nowhere.yaml",
		"render --runner=abacus --images=some --camera=a/b more":         `unexpected argument "more"|abacus|--output is missing|--images=some|--camera: camera "a/b"`,
		"render --output=out --archive=archive --brokers=localhost:9092": "--archive and --brokers are both given",
		"render --output=out --brokers=localhost":                        `"localhost" is not host:port`,
		"similar --by=smell --camera=a/b,c/d --apart=-1s more": `unexpected argument "more"|--output is missing|--like is missing|` +
			`--by=smell|--camera=a/b|--camera=c/d|--apart=-1s`,
		"run more": `unexpected argument "more"`,
	} {
		code, stdout, stderr := run(t, strings.Fields(args)...)
		if code != program.Usage || stdout != "" {
			t.Errorf("%s: exit code %d, %s", args, code, stdout)
		}
		for want := range strings.SplitSeq(strings.TrimSpace(says), "|") {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: nothing is said of %s:\n%s", args, want, stderr)
			}
		}
	}
}

func TestFlagsMayHaveOneDash(t *testing.T) {
	_, _, want := run(t, "show", "--output", "/no/where", "--format=xml", "--found")
	for _, args := range [][]string{
		{"show", "-output", "/no/where", "-format=xml", "-found"},
		{"show", "-format", "xml", "--found=true", "-output=/no/where"},
	} {
		if _, _, got := run(t, args...); got != want {
			t.Errorf("%q: %s, want %s", args, got, want)
		}
	}
	// A value is a value, whatever it begins with.
	if _, _, got := run(t, "show", "--output", "-format"); !strings.Contains(got, "-format is no output folder") {
		t.Error(got)
	}
	if _, _, got := run(t, "track", "-fps", "7", "-"+"-", "-x"); !strings.Contains(got, "open -x") {
		t.Error(got)
	}
}

func TestNamesThatFlagsHadAreTaken(t *testing.T) {
	c := New()
	for _, args := range []string{"analyze --start=latest", "archive --start latest", "run --output=x", "stack up --brokers 3"} {
		below, rest, err := c.Find(strings.Fields(args))
		if err != nil {
			t.Fatal(err)
		}
		if err := below.ParseFlags(rest); err != nil {
			t.Errorf("%s: %v", args, err)
		}
	}
	for of, want := range map[string]string{"analyze from": "latest", "archive from": "latest", "run into": "x", "stack up kafka-brokers": "3"} {
		words := strings.Fields(of)
		below, _, err := c.Find(words[:len(words)-1])
		if err != nil {
			t.Fatal(err)
		}
		if got := below.Flag(words[len(words)-1]).Value.String(); got != want {
			t.Errorf("%s is %s, want %s", of, got, want)
		}
	}
}

func TestAShellCompletes(t *testing.T) {
	for _, c := range []struct {
		words []string
		want  []string // among others
	}{
		{[]string{""}, []string{"ingest", "analyze", "show", "version"}},
		{[]string{"re"}, []string{"reprocess", "render"}},
		{[]string{"show", "--fo"}, []string{"--format", "--found"}},
		{[]string{"show", "--format", ""}, []string{"text", "jsonl", "summary"}},
		{[]string{"similar", "--format", ""}, []string{"text", "jsonl"}},
		{[]string{"analyze", "--runner", ""}, []string{"direct", "flink", "spark"}},
		{[]string{"stack", ""}, []string{"up", "down", "status"}},
		{[]string{"stack", "up", ""}, []string{"kafka", "hdfs", "flink", "spark"}},
	} {
		_, stdout, _ := run(t, append([]string{"__complete"}, c.words...)...)
		var got []string
		for line := range strings.Lines(stdout) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			got = append(got, word)
		}
		for _, want := range c.want {
			if !slices.Contains(got, want) {
				t.Errorf("%q: %s is not among %q", c.words, want, got)
			}
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if code, script, stderr := run(t, "completion", shell); code != program.Done || !strings.Contains(script, "__complete") || stderr != "" {
			t.Errorf("%s: exit code %d, %d bytes, %s", shell, code, len(script), stderr)
		}
	}
}

func TestWhatGoesToStandardErrorMayBeJSON(t *testing.T) {
	code, stdout, stderr := run(t, "show", "--log-format=json", "--output=/no/where", "--format=xml")
	var line struct{ Level, Msg string }
	if err := json.Unmarshal([]byte(stderr), &line); err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	if code != program.Usage || stdout != "" || line.Level != "ERROR" || line.Msg != "--format=xml: not text, jsonl or summary" {
		t.Errorf("exit code %d, %+v", code, line)
	}
}

func TestACommandIsAProgramOfItsOwn(t *testing.T) {
	for _, g := range groups {
		for _, c := range g.commands {
			name := c().Name()
			if code, help, _ := runOf(t, single(name), "-help"); code != program.Done || !strings.Contains(help, "\n  "+name+" ") {
				t.Errorf("%s: exit code %d\n%s", name, code, help)
			}
			want := "unknown flag: --colour (see " + name + " --help)\n"
			if name == "stack" {
				continue // it has flags only below
			}
			if code, _, stderr := runOf(t, single(name), "-colour"); code != program.Usage || stderr != want {
				t.Errorf("%s: exit code %d, %s", name, code, stderr)
			}
			if code, version, _ := runOf(t, single(name), "--version"); code != program.Done || !strings.HasPrefix(version, name+" ") || !strings.Contains(version, "\nOpenCV  ") {
				t.Errorf("%s: exit code %d, %s", name, code, version)
			}
		}
	}
}
