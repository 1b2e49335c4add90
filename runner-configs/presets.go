// Package runnerconfigs holds the presets of the engines as files that can be
// read and copied, and hands them to the programs that start engines and jobs.
package runnerconfigs

import _ "embed" // the presets

// FlinkJob and SparkJob are the Beam options that a job is submitted with unless
// the command line names another file.
var (
	//go:embed flink/job.yaml
	FlinkJob []byte
	//go:embed spark/job.yaml
	SparkJob []byte
)
