// Command framebeam is all of Framebeam in one program. It is also what engines start as
// their worker, and what the collector starts to read a source.
package main

import "github.com/framebeam/framebeam/cli"

func main() { cli.Main() }
