// Package engines holds the tests that need real servers: Kafka, HDFS, Flink and
// Spark (build tag engines; make test-engines starts what they need).
package engines
