// Command stack is framebeam stack as a program of its own.
package main

import "github.com/framebeam/framebeam/cli"

func main() { cli.Only("stack") }
