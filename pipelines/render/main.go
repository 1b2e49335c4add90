// Command render is framebeam render as a program of its own.
package main

import "github.com/framebeam/framebeam/cli"

func main() { cli.Only("render") }
