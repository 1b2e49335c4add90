// Command ingest is the collector alone, as small as it can be: framebeam ingest.
package main

import (
	"github.com/framebeam/framebeam/cli/ingest"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/ingest/capture"
)

func main() {
	capture.Child()
	program.Main(ingest.New())
}
