// Command similar is framebeam similar as a program of its own.
package main

import "github.com/framebeam/framebeam/cli"

func main() { cli.Only("similar") }
