// Package launch brings a pipeline to an engine: Beam's prism in this process,
// Flink, or Spark.
package launch
