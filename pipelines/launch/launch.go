// Package launch brings a pipeline to an engine: Beam's prism in this process,
// Flink, or Spark.
package launch

import "strings"

// List splits a comma-separated flag.
func List(s string) []string {
	var list []string
	for _, e := range strings.Split(s, ",") {
		if e = strings.TrimSpace(e); e != "" {
			list = append(list, e)
		}
	}
	return list
}
