package runnerconfigs

import "embed"

// Files holds the configuration of kafka/, hdfs/, flink/ and spark/ as it lies beside this
// file, and of the local stack what it fetches (stack/versions and the poms) and how its
// servers log.
//
//go:embed kafka/*.properties hdfs/*.xml flink/*.yaml spark/*
//go:embed stack/versions stack/*.xml stack/*.properties
var Files embed.FS
