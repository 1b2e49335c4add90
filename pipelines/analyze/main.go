// Command analyze is framebeam analyze as a program of its own.
package main

import "github.com/framebeam/framebeam/cli"

func main() { cli.Only("analyze") }
