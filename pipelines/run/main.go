// Command run is framebeam run as a program of its own.
package main

import "github.com/framebeam/framebeam/cli"

func main() { cli.Only("run") }
