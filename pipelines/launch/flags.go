package launch

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/strictyaml"
)

// Flags are the settings of engines that the command line holds. They are those of the
// process, as Beam's own are.
var (
	flinkREST    = new("http://localhost:8081")
	savepoint    = new("")
	savepointDir = new("")
	optionsFile  = new("")
	workerPath   = new("")
)

// beamFlags are those that Beam has defined on the process's command line, but for those
// with which engines start workers.
var beamFlags = func() (names []string) {
	flag.VisitAll(func(f *flag.Flag) {
		if !slices.Contains([]string{"worker", "id", "options", "semi_persist_dir"}, f.Name) && !strings.HasSuffix(f.Name, "_endpoint") {
			names = append(names, f.Name)
		}
	})
	return names
}()

// DefineFlags adds the flags of engines: ours, and of Beam's those that jobs need. All
// others of Beam's go through --beam.
func DefineFlags(f *pflag.FlagSet) {
	beam := func(name, usage string) { f.Var(beamFlag{flag.Lookup(name)}, name, usage) }
	beam("runner", "the `engine`: "+Direct.Name+" (inside this process, the default), "+Flink.Name+" or "+Spark.Name+" (by their Beam job servers)")
	beam("endpoint", "`address` of the job server (default "+Flink.endpoint+" of flink, "+Spark.endpoint+" of spark)")
	beam("parallelism", "how many `parts` of a job flink or spark runs at the same time; -1: as the engine is configured")
	beam("job_name", "`name` of the job on flink or spark (default: the command's, and when it was started)")
	beam("environment_type", "`kind` of workers of flink and spark: process (the default), loopback (this process: for trying out), external or docker")
	beam("environment_config", "`what` external and docker need: the address of a worker pool, or the name of an image")
	f.StringVar(workerPath, "worker-path", *workerPath, "where the machines of flink or spark have this `program` (default: where it is here)")
	f.StringVar(optionsFile, "engine-options", *optionsFile,
		"Beam options of a job on flink or spark, a YAML `file` (default: runner-configs/flink/job.yaml or "+
			"spark/job.yaml, as built in)")
	f.StringVar(flinkREST, "flink-rest", *flinkREST,
		"Flink's REST `address`, where jobs with an end are stopped and others cancelled; empty, for the "+
			"latter: by the job server alone, which does not reach a cluster")
	f.StringVar(savepoint, "savepoint", *savepoint, "the Flink savepoint or kept checkpoint, a `path`, that the job begins with")
	f.StringVar(savepointDir, "savepoint-dir", *savepointDir, "the `folder` for the savepoint that a job on Flink ends with when it is interrupted")
	f.Var(passedToBeam{}, "beam", "another of Beam's flags, `name=value`; for several repeat it")
}

// beamFlag is a flag of Beam's on a command line of ours.
type beamFlag struct{ *flag.Flag }

// Set sets it where Beam looks at it.
func (f beamFlag) Set(value string) error { return flag.Set(f.Name, value) }

func (f beamFlag) String() string {
	if f.Flag == nil || f.Value.String() == f.DefValue {
		return "" // its default is told in the usage
	}
	return f.Value.String()
}

// Type is what stands for the value in the help, where the usage names nothing.
func (beamFlag) Type() string { return "value" }

// passedToBeam is --beam.
type passedToBeam struct{}

func (passedToBeam) Set(pair string) error {
	name, value, ok := strings.Cut(pair, "=")
	switch name = strings.TrimLeft(name, "-"); {
	case !ok:
		return errors.New("not name=value")
	case !slices.Contains(beamFlags, name):
		return fmt.Errorf("no flag of Beam's is %s%s", name, strictyaml.DidYouMean(name, beamFlags))
	}
	return flag.Set(name, value)
}

func (passedToBeam) String() string { return "" }
func (passedToBeam) Type() string   { return "name=value" }
